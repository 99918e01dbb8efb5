"""One file as a sequence of rows behind a checked header.

What is wrong with a file as a whole fails its stream (`Permanent`), and not the run: the other files may be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from edurelay_connector_runner.connectors.generic_csv.encodings import MARK_BYTES, detect
from edurelay_connector_runner.connectors.generic_csv.layout import extra_name
from edurelay_connector_runner.connectors.generic_csv.lines import Lines
from edurelay_connector_runner.connectors.generic_csv.rows import BadLine, Row, Rows
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.sdk import Permanent

#: The most columns that a file may have.
MAX_COLUMNS = 512

#: How much of a line or a header an error shows.
_SHOWN = 1024


class Record(NamedTuple):
    """A row of the right width: the columns that the stream takes, and their text."""

    line: int
    end: int
    raw: dict[str, str]


class Source:
    """The records of one open file, read once from its beginning."""

    def __init__(self, name: str, file: BinaryIO, shape: Shape) -> None:
        """Read and check the header. Raises `Permanent` naming file and column."""
        self._name = name
        dialect = shape.dialect
        try:
            encoding = detect(dialect.encoding, file.read(MARK_BYTES))
        except ValueError as error:
            raise Permanent(f"{name}: {error}") from error
        self._delimiter = dialect.delimiter
        rows = Rows(Lines(file, encoding), encoding.codec, dialect.delimiter, dialect.quote)
        rows.skip_lines(dialect.skip_rows)
        self._rows = iter(rows)
        self.header = self._read_header(trim=dialect.trim)
        self._check_header(shape)
        self._taken = [(index, column) for index, column in enumerate(self.header) if shape.takes(column)]
        self._hides = any(shape.layout.hides(column) for column in self.header)
        self._takes_all = len(self._taken) == len(self.header)

    def __iter__(self) -> Iterator[Record | BadLine]:
        """Yield what stands behind the header. A line's own text is kept only in files that hide no column, as
        nobody can tell which part of a broken line is which column."""
        width = len(self.header)
        header, taken, takes_all = self.header, self._taken, self._takes_all
        empty = True
        for row in self._rows:
            empty = False
            if isinstance(row, BadLine):
                yield row._replace(text="") if self._hides else row
                continue
            fields = row.fields
            if len(fields) != width:
                yield self._wrong_width(row)
                continue
            raw = dict(zip(header, fields, strict=True)) if takes_all else {column: fields[i] for i, column in taken}
            yield Record(row.line, row.end, raw)
        if empty:
            raise Permanent(f"{self._name} has a header and nothing else")

    def column_of(self, name: str | None) -> int | None:
        """Return the number of a column, from 1."""
        return self.header.index(name) + 1 if name in self.header else None

    def name_of(self, column: int | None) -> str | None:
        """Return the name of a column, given its number."""
        return self.header[column - 1] if column is not None and column <= len(self.header) else None

    def _read_header(self, *, trim: bool) -> Sequence[str]:
        row = next(self._rows, None)
        if row is None:
            raise Permanent(f"{self._name} is empty")
        if isinstance(row, BadLine):
            raise Permanent(f"{self._name}: the header in line {row.line} cannot be read: {row.reason}")
        if len(row.fields) > MAX_COLUMNS:
            raise Permanent(f"{self._name} has {len(row.fields)} columns; at most {MAX_COLUMNS} are read")
        return [field.strip() for field in row.fields] if trim else row.fields

    def _check_header(self, shape: Shape) -> None:
        for number, column in enumerate(self.header, start=1):
            if not column:
                raise Permanent(f"{self._name}: column {number} has no name")
        for column, count in Counter(self.header).items():
            if count > 1:
                raise Permanent(f"{self._name}: {count} columns are named {column!r}")
        missing = sorted(shape.required_columns - {*self.header})
        if missing:
            raise Permanent(
                f"{self._name} has no column {missing[0]!r}, which its layout reads; "
                f"it has: {', '.join(self.header)[:_SHOWN]}"
            )
        if shape.layout.extra == "*":
            names = Counter(extra_name(column) for column in self.header)
            for column in self.header:
                if names[extra_name(column)] > 1:
                    raise Permanent(f"{self._name}: column {column!r} shares its name in extra with another")

    def _wrong_width(self, row: Row) -> BadLine:
        width, found = len(self.header), len(row.fields)
        reason = f"the line has {found} column{'s' if found != 1 else ''} instead of {width}"
        text = "" if self._hides else self._delimiter.join(row.fields)[:_SHOWN]
        return BadLine(row.line, row.end, reason, min(width, found) + 1, text)
