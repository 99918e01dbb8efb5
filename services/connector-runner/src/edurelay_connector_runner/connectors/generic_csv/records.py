"""The grammar of one record: RFC 4180, read strictly, fed line by line.

A field is quoted as a whole or not at all; inside quotes a doubled quote stands for one. A quote inside an unquoted
field and text behind a closing quote are errors, because in practice both are what a lost quote leaves behind.
"""

from __future__ import annotations

#: The longest field, in characters.
MAX_FIELD = 64 * 1024


class Misquoted(ValueError):
    """The record breaks the grammar, in its `column`-th field (from 1)."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class RecordParser:
    """Splits one record into fields. A record that goes on in the next line is fed with that line too."""

    __slots__ = ("_delimiter", "_fields", "_open", "_open_length", "_quote")

    def __init__(self, delimiter: str, quote: str) -> None:
        self._delimiter = delimiter
        self._quote = quote
        self._fields: list[str] = []
        self._open: list[str] | None = None
        self._open_length = 0

    @property
    def column(self) -> int:
        """The number of the field that comes next, or of the one whose quote is still open."""
        return len(self._fields) + 1

    def feed(self, text: str) -> list[str] | None:
        """Take the next line of the record; its line end only belongs to it if a quote is open there.

        Returns the fields of the finished record, or None while a quoted field goes on. Raises `Misquoted`.
        """
        line = text.removesuffix("\n").removesuffix("\r")
        at = 0
        while True:
            if self._open is not None or line.startswith(self._quote, at):
                if self._open is None:
                    self._open, self._open_length = [], 0
                    at += 1
                closed_at = self._read_quoted(text, at)
                if closed_at is None:
                    return None
                at = closed_at
            else:
                at = self._read_plain(line, at)
            if at == len(line):
                return self._fields
            if line[at] != self._delimiter:
                raise Misquoted(len(self._fields), "there is text behind the closing quote")
            at += 1

    def _read_quoted(self, text: str, at: int) -> int | None:
        """Read the open field on from `at`. Returns where its closing quote ends, or None if it is not there."""
        assert self._open is not None
        while True:
            end = text.find(self._quote, at)
            piece = text[at:] if end < 0 else text[at:end]
            self._open.append(piece)
            self._open_length += len(piece)
            if self._open_length > MAX_FIELD:
                raise Misquoted(self.column, f"the quoted field does not end within {MAX_FIELD} characters")
            if end < 0:
                return None
            if not text.startswith(self._quote, end + 1):
                self._fields.append("".join(self._open))
                self._open = None
                return end + 1
            self._open.append(self._quote)
            self._open_length += 1
            at = end + 2

    def _read_plain(self, line: str, at: int) -> int:
        """Read an unquoted field from `at`. Returns where it ends."""
        end = line.find(self._delimiter, at)
        if end < 0:
            end = len(line)
        field = line[at:end]
        if self._quote in field:
            raise Misquoted(self.column, "there is a quote inside an unquoted field")
        if "\r" in field:
            raise Misquoted(self.column, "there is a carriage return inside an unquoted field")
        if len(field) > MAX_FIELD:
            raise Misquoted(self.column, f"the field is longer than {MAX_FIELD} characters")
        self._fields.append(field)
        return end
