"""Physical lines of a file, as bytes, with their number and place. One line at a time is in memory, never more."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from edurelay_connector_runner.connectors.generic_csv.encodings import Encoding

#: The longest line, and the longest record of several lines, that is taken for a record, in bytes.
MAX_LINE_BYTES = 256 * 1024


class Line(NamedTuple):
    """One line: its number from 1, the offset of the byte behind it, its bytes with the line end.

    Of a line that is `too_long`, `data` is only the beginning.
    """

    number: int
    end: int
    data: bytes
    too_long: bool = False


class Lines:
    """The lines of one file, in order. Only the line feed ends a line; a carriage return before it belongs to it."""

    def __init__(self, file: BinaryIO, encoding: Encoding) -> None:
        """Read from the beginning of `file`, behind the encoding's mark."""
        self._file = file
        self._line_end = encoding.line_end
        self._number = 0
        self._end = len(encoding.mark)
        self._returned: list[Line] = []
        file.seek(self._end)

    def next(self) -> Line | None:
        """Return the next line, or None behind the last one."""
        if self._returned:
            return self._returned.pop()
        data = self._file.readline(MAX_LINE_BYTES + 1)
        if not data:
            return None
        size = len(data)
        too_long = False
        if len(self._line_end) > 1 or not data.endswith(b"\n"):
            data, size, too_long = self._rest_of(data)
        self._number += 1
        self._end += size
        return Line(self._number, self._end, data, too_long)

    def give_back(self, lines: list[Line]) -> None:
        """Let `next` return these lines once more, in their order."""
        self._returned.extend(reversed(lines))

    def _rest_of(self, data: bytes) -> tuple[bytes, int, bool]:
        """Read on to the end of the line that begins with `data`: a line feed's byte may be half of another
        character, and the line may be longer than is kept. Returns what is kept, the line's whole size, and
        whether it is too long."""
        kept, size = bytearray(data), len(data)
        tail = data[-4:]
        while True:
            missing = self._missing(tail, size)
            if not missing:
                break
            more = self._file.read(1) if missing == 1 else self._file.readline(MAX_LINE_BYTES)
            if not more:
                break
            size += len(more)
            tail = (tail + more)[-4:]
            if len(kept) <= MAX_LINE_BYTES:
                kept += more
        return bytes(kept[:MAX_LINE_BYTES]), size, size > MAX_LINE_BYTES

    def _missing(self, tail: bytes, size: int) -> int:
        """Say what has to be read behind `tail` to reach the line's end: nothing, one byte, or more."""
        width = len(self._line_end)
        if size % width == 0:
            return 0 if tail.endswith(self._line_end) else 2
        # The first byte of a little-endian line feed: its second byte tells whether it is one.
        return 1 if self._line_end.startswith(tail[-1:]) else 2
