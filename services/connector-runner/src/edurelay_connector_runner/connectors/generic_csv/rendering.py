"""From an entity back to a line of CSV: the inverse of reading, and held against it before anything is written.

The text is RFC 4180: a field is quoted where it holds the delimiter, the quote or a line break, quotes inside are
doubled, lines end with CR LF. Nothing else is done to it. In particular no `'` is put before `=`, `+`, `-` or `@`:
that would change the data, and these files are for machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from edurelay_connector_runner.connectors.generic_csv.encodings import Encoding, detect, for_writing
from edurelay_connector_runner.connectors.generic_csv.keys import split_key
from edurelay_connector_runner.connectors.generic_csv.layout import Dialect, extra_name
from edurelay_connector_runner.connectors.generic_csv.lines import Lines
from edurelay_connector_runner.connectors.generic_csv.rows import BadLine, Row, Rows
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.connectors.generic_csv.values import shown
from edurelay_connector_runner.sdk import BadRecord, OutboundRecord


class Unwritable(ValueError):
    """This record has no line from which it would be read again as it is."""


class LineWriter:
    """Renders lines of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote
        encoding = for_writing(dialect.encoding)
        #: The bytes at the beginning of the file.
        self.mark = encoding.mark
        self.codec = encoding.codec
        self._inside = Encoding(encoding.codec)

    def line(self, fields: Sequence[str]) -> bytes:
        """Return one line. Raises `Unwritable` where reading it would not give these fields."""
        # A record of one empty field would be an empty line, which is none.
        text = self._quote * 2 if list(fields) == [""] else self._delimiter.join(map(self._cell, fields))
        codec = self.codec
        try:
            line = f"{text}\r\n".encode(codec)
        except UnicodeEncodeError as error:
            raise Unwritable(f"{error.object[error.start]!r} does not exist in {codec}") from error
        read = next(iter(Rows(Lines(BytesIO(line), self._inside), codec, self._delimiter, self._quote)), None)
        if not isinstance(read, Row) or read.fields != [*fields] or read.end != len(line):
            raise Unwritable(read.reason if isinstance(read, BadLine) else "the line would be read otherwise")
        return line

    def _cell(self, field: str) -> str:
        quote = self._quote
        if quote and (self._delimiter in field or quote in field or "\r" in field or "\n" in field):
            return f"{quote}{field.replace(quote, quote * 2)}{quote}"
        return field


class RecordWriter:
    """Renders the records of one stream: all columns that its layout reads, in the layout's order.

    What the layout has no column for is left out. A column that only an expression reads cannot be filled and stays
    null. Each row is converted before it is written, and has to come out as the record that it stands for.
    """

    def __init__(self, shape: Shape) -> None:
        """Raises `Unwritable` where the layout does not name the columns, or names some that have no header."""
        if shape.layout.extra == "*":
            raise Unwritable("its layout takes over all columns into extra (*); for writing it has to name them")
        self._shape = shape
        self._lines = LineWriter(shape.dialect)
        self._null = next(iter(shape.dialect.nulls), "")
        self._extra = {extra_name(column): column for column in shape.layout.extra}
        #: What stands before the first record.
        self.head = self._head()

    def can_write(self, record: OutboundRecord) -> bool:
        """Say whether a record has a line in this stream."""
        try:
            self.line(record)
        except Unwritable:
            return False
        return True

    def line(self, record: OutboundRecord) -> bytes:
        """Return the line of one record. Raises `Unwritable`."""
        shape = self._shape
        values = self._values(record.attributes)
        try:
            row = self._row(record.external_id, values)
            if not shape.includes(row):
                raise Unwritable("the stream's condition would leave it out")
            key, entity = shape.convert(row)
            wanted = shape.entity(values)
        except BadRecord as error:
            raise Unwritable(error.reason) from error
        if key != record.external_id:
            raise Unwritable(f"its id would be read back as {shown(key)}")
        for name in type(wanted).model_fields:
            if getattr(entity, name) != getattr(wanted, name):
                raise Unwritable(f"{name}: {shown(getattr(wanted, name))} would be read back as another value")
        return self._lines.line([row[column] for column in shape.columns])

    def _head(self) -> bytes:
        dialect = self._shape.dialect
        skipped = "\r\n".encode(self._lines.codec) * dialect.skip_rows
        head = self._lines.mark + skipped + self._lines.line(self._shape.columns)
        try:
            if detect(dialect.encoding, head) == for_writing(dialect.encoding):
                return head
        except ValueError:
            pass
        raise Unwritable("its first column begins like the mark of another encoding")

    def _values(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return those attributes that the layout knows, as its entity has them: a reference as an external id,
        which attributes that come from the mapping service hold beside the inside one."""
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        outside = attributes.get("extra") or {}
        for field in self._shape.fields:
            if field.in_extra:
                extra[field.name] = outside.get(field.name)
            else:
                name = f"{field.name}_external_id"
                values[field.name] = attributes[name] if name in attributes else attributes.get(field.name)
        extra |= {name: outside.get(name) for name in self._extra}
        values["extra"] = {name: value for name, value in extra.items() if value is not None}
        return {name: value for name, value in values.items() if value is not None}

    def _row(self, external_id: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts of all columns. Where two fields share a column, the first one fills it."""
        shape = self._shape
        try:
            cells = shape.key_columns(external_id)
        except ValueError as error:
            raise Unwritable(str(error)) from error
        for field in shape.fields:
            value = (values["extra"] if field.in_extra else values).get(field.name)
            if value is None:
                continue
            try:
                if field.layout.key is not None:
                    parts = split_key(field.type.render(value), len(field.layout.key), shape.separator)
                    texts = dict(zip(field.layout.key, parts, strict=True))
                elif (column := field.layout.plain_column) is not None:
                    texts = {column: field.type.render(value)}
                else:
                    continue
            except ValueError as error:
                raise Unwritable(f"{field.name}: {error}") from error
            cells = texts | cells
        for name, column in self._extra.items():
            if isinstance(text := values["extra"].get(name), str):
                cells.setdefault(column, text)
        return {column: cells.get(column, self._null) for column in shape.columns}
