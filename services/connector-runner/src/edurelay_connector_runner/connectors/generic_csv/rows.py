"""From lines to rows of fields: where a record begins and ends, and how reading goes on behind a bad one.

The rule of recovery: a record that breaks the grammar (an unclosed quote, text behind a closing one, bytes that are
no text, a NUL, a field or a line over the limit) condemns only the line on which it begins, and reading goes on with
the very next line. So a lost quote costs its own line, and no neighbour. A record that follows the grammar is taken
as a whole, over as many lines as it spans. Empty lines are no records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edurelay_connector_runner.connectors.generic_csv.lines import MAX_LINE_BYTES, Line, Lines
from edurelay_connector_runner.connectors.generic_csv.records import MAX_FIELD, Misquoted, RecordParser

#: How much of a bad line is kept to show it.
_SHOWN = 1024


class Row(NamedTuple):
    """A record's fields, the number of the line on which it begins, and the offset behind it."""

    line: int
    end: int
    fields: list[str]


class BadLine(NamedTuple):
    """A line that is no record: why, in which field (from 1), and how it begins."""

    line: int
    end: int
    reason: str
    column: int | None
    text: str


class _Unreadable(ValueError):
    """A line is no text; `before` is what of it can be read in front of the fault."""

    def __init__(self, reason: str, before: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.before = before


class Rows:
    """The rows of one file, the header among them."""

    def __init__(self, lines: Lines, codec: str, delimiter: str, quote: str) -> None:
        """Read `lines` as text of `codec`; without a `quote` no field is quoted."""
        self._lines = lines
        self._codec = codec
        self._delimiter = delimiter
        self._quote = quote

    def skip_lines(self, count: int) -> None:
        """Leave out the next `count` lines, whatever they hold."""
        for _ in range(count):
            self._lines.next()

    def __iter__(self) -> Iterator[Row | BadLine]:
        delimiter, quote = self._delimiter, self._quote
        while (line := self._lines.next()) is not None:
            try:
                text = self._decode(line)
            except _Unreadable as error:
                yield self._bad(line, error.reason, self._column_behind(error.before))
                continue
            if quote and quote in text:
                yield self._quoted(line, text)
                continue
            plain = text.removesuffix("\n").removesuffix("\r")
            if not plain:
                continue
            fields = plain.split(delimiter)
            if len(plain) > MAX_FIELD or "\r" in plain:
                fault = _fault_of(fields)
                if fault:
                    yield self._bad(line, fault[1], fault[0])
                    continue
            yield Row(line.number, line.end, fields)

    def _quoted(self, first: Line, text: str) -> Row | BadLine:
        """Read a record with quotes, over as many lines as it takes."""
        parser = RecordParser(self._delimiter, self._quote)
        further: list[Line] = []
        size = len(first.data)
        try:
            while (fields := parser.feed(text)) is None:
                line = self._lines.next()
                if line is None:
                    raise Misquoted(parser.column, "the quoted field is not closed before the end of the file")
                further.append(line)
                size += len(line.data)
                if size > MAX_LINE_BYTES:
                    raise Misquoted(parser.column, f"the record is longer than {MAX_LINE_BYTES} bytes")
                text = self._decode(line)
        except Misquoted as error:
            fault = (error.column, error.reason)
        except _Unreadable as error:
            fault = (parser.column, f"the quoted field runs into line {further[-1].number}, where {error.reason}")
        else:
            return Row(first.number, further[-1].end if further else first.end, fields)
        self._lines.give_back(further)
        return self._bad(first, fault[1], fault[0])

    def _decode(self, line: Line) -> str:
        if line.too_long:
            raise _Unreadable(f"the line is longer than {MAX_LINE_BYTES} bytes")
        try:
            text = line.data.decode(self._codec)
        except UnicodeDecodeError as error:
            before = line.data[: error.start].decode(self._codec)
            wrong = line.data[error.start : error.start + 1].hex()
            raise _Unreadable(f"byte {error.start + 1} of the line (0x{wrong}) is no {self._codec}", before) from error
        if "\0" in text:
            raise _Unreadable("the line holds a NUL character", text[: text.index("\0")])
        return text

    def _column_behind(self, text: str | None) -> int | None:
        """Return the number of the field that a record beginning with `text` has come to."""
        if text is None:
            return None
        if not self._quote:
            return text.count(self._delimiter) + 1
        parser = RecordParser(self._delimiter, self._quote)
        try:
            fields = parser.feed(text)
        except Misquoted as error:
            return error.column
        return parser.column if fields is None else len(fields)

    def _bad(self, line: Line, reason: str, column: int | None) -> BadLine:
        shown = line.data[: 4 * _SHOWN].decode(self._codec, "backslashreplace")[:_SHOWN]
        return BadLine(line.number, line.end, reason, column, shown.rstrip("\r\n").replace("\0", "\\x00"))


def _fault_of(fields: list[str]) -> tuple[int, str] | None:
    """Return the column of the first unquoted field that cannot be one, and why."""
    for column, field in enumerate(fields, start=1):
        if len(field) > MAX_FIELD:
            return column, f"the field is longer than {MAX_FIELD} characters"
        if "\r" in field:
            return column, "there is a carriage return inside an unquoted field"
    return None
