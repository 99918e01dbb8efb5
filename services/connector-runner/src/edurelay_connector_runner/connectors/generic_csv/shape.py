"""A stream's layout, compiled: from a row (column and text) to an external id and an entity. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from edurelay.model import Entity
from edurelay.model.entities import Moment
from edurelay_connector_runner.connectors.generic_csv.expressions import ExpressionFailed, NullableRow
from edurelay_connector_runner.connectors.generic_csv.fields import FieldLayout, TypeName
from edurelay_connector_runner.connectors.generic_csv.keys import join_key, split_key
from edurelay_connector_runner.connectors.generic_csv.layout import EXTRA, Layout, StreamLayout, extra_name
from edurelay_connector_runner.connectors.generic_csv.values import ValueType, shown
from edurelay_connector_runner.sdk import BadRecord

#: The longest external id, in characters, as for references.
MAX_EXTERNAL_ID = 256


@dataclass(frozen=True, slots=True)
class CompiledField:
    """One field: its name (in `extra`, if `in_extra`), its layout, its type, and what reads it from a row."""

    name: str
    in_extra: bool
    layout: FieldLayout
    type: ValueType
    read: Callable[[NullableRow], Any]

    @property
    def blamed(self) -> str:
        """What an error names: the column if there is just one, else the field."""
        return self.layout.plain_column or self.name

    def value(self, row: NullableRow) -> Any:
        """Return the field's value, None where it has none. Raises `BadRecord`."""
        try:
            value = self.read(row)
            return None if value is None else self.type.parse(value)
        except (ExpressionFailed, ValueError) as error:
            raise BadRecord(f"{self.name}: {error}", field=self.blamed) from error


class Shape:
    """What one stream's rows are and become."""

    def __init__(self, layout: Layout, stream: str) -> None:
        """Compile one stream of a checked layout. Raises `ValueError` for settings that do not fit their field."""
        self.layout: StreamLayout = layout.streams[stream]
        self.dialect = layout.dialect_of(stream)
        self.separator = layout.separator
        self.fields = tuple(self._compile(name, field) for name, field in self.layout.fields.items())
        self._condition = self.layout.condition
        conditional = self._condition.columns if self._condition else ()
        listed = self.layout.extra if self.layout.extra != "*" else ()
        #: All columns that are read by name, in the layout's order.
        self.columns = tuple(
            dict.fromkeys(
                (*self.layout.key, *(c for f in self.fields for c in f.layout.columns), *conditional, *listed)
            )
        )
        #: The columns without which nothing can be read. What only goes into extra may be missing.
        self.required_columns = frozenset((*self.layout.key, *conditional)).union(
            *(field.layout.columns for field in self.fields if not field.layout.optional)
        )
        self._taken = frozenset(self.columns)
        self._mapped = frozenset(self.columns) - {*listed}
        self._extra = {column: extra_name(column) for column in listed}
        names = [*self._extra.values(), *(field.name for field in self.fields if field.in_extra)]
        if len({*names}) < len(names):
            raise ValueError("two columns would have one name in extra")
        #: A text that changes with everything that decides what a row becomes.
        self.identity = f"{self.layout.model_dump_json()}{self.dialect.model_dump_json()}{self.separator}"
        self._prefix = [self.layout.key_prefix] if self.layout.key_prefix else []
        self._nulls = frozenset(self.dialect.nulls)
        self._required_fields = [
            field
            for field in self.fields
            if not field.in_extra and self.layout.model.model_fields[field.name].is_required()
        ]

    def includes(self, raw: Mapping[str, str]) -> bool:
        """Say whether a row is a record of this stream. Raises `BadRecord` where the condition fails on it."""
        if self._condition is None:
            return True
        try:
            found = self._condition(self._nullable(raw))
        except ExpressionFailed as error:
            raise BadRecord(f"where: {error}", field=self._condition.column) from error
        return found is not None and found is not False and found not in ("", [], {})

    def convert(self, raw: Any) -> tuple[str, Entity]:
        """Return the external id and the entity of a row. Raises `BadRecord`."""
        row = self._nullable(raw)
        external_id = self._external_id(row)
        values: dict[str, Any] = {}
        extra = self._extra_of(row)
        for field in self.fields:
            value = field.value(row)
            if value is not None:
                (extra if field.in_extra else values)[field.name] = value
        for field in self._required_fields:
            if field.name not in values:
                raise BadRecord(f"{field.name} has no value", field=field.blamed)
        if extra:
            values["extra"] = extra
        return external_id, self.entity(values)

    def entity(self, values: Mapping[str, Any]) -> Entity:
        """Return the entity of these fields. Raises `BadRecord`."""
        try:
            return self.layout.model.model_validate(values, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            blamed = next((field.blamed for field in self.fields if field.name == name), name)
            raise BadRecord(f"{name}: {first['msg']}", field=blamed) from error

    def key_columns(self, external_id: str) -> dict[str, str]:
        """Return the key columns that give this external id. Raises `ValueError` where none do."""
        parts = split_key(external_id, len(self._prefix) + len(self.layout.key), self.separator)
        if parts[: len(self._prefix)] != self._prefix:
            raise ValueError(f"the id {shown(external_id)} does not begin with {self.layout.key_prefix!r}")
        return dict(zip(self.layout.key, parts[len(self._prefix) :], strict=True))

    def takes(self, column: str) -> bool:
        """Say whether a column of a file is read at all. Nobody sees what the others hold."""
        return column in self._taken or (self.layout.extra == "*" and not self.layout.hides(column))

    def _compile(self, name: str, layout: FieldLayout) -> CompiledField:
        in_extra = name.startswith(EXTRA)
        default: TypeName = "text" if in_extra else self._default_type(name)
        try:
            type_ = layout.value_type(default)
            if layout.constant is not None:
                type_.parse(layout.constant)
        except ValueError as error:
            raise ValueError(f"fields.{name}: {error}") from error
        return CompiledField(name.removeprefix(EXTRA), in_extra, layout, type_, self._reader(layout))

    def _default_type(self, name: str) -> TypeName:
        annotation = self.layout.model.model_fields[name].annotation
        kinds = (annotation, *get_args(annotation))
        if Moment in kinds:
            return "date"
        return "number" if float in kinds else "boolean" if bool in kinds else "text"

    def _reader(self, layout: FieldLayout) -> Callable[[NullableRow], Any]:
        if layout.key is not None and len(layout.key) > 1:
            key = layout.key
            return lambda row: self._reference(row, key)
        column = layout.plain_column
        if column is not None:
            return lambda row: row.get(column)
        if layout.compiled is not None:
            return layout.compiled
        constant = layout.constant
        return lambda row: constant

    def _nullable(self, raw: Any) -> dict[str, str | None]:
        if not isinstance(raw, dict):
            raise BadRecord("this line could not be split into columns; mend the file and read it again")
        missing = self.required_columns - raw.keys()
        if missing:
            column = min(missing)
            raise BadRecord(f"the column {column} is missing", field=column)
        if not all(isinstance(text, str) for text in raw.values()):
            raise BadRecord("a row has to be an object of columns and texts")
        nulls = self._nulls
        if self.dialect.trim:
            raw = {column: text.strip() for column, text in raw.items()}
        return {column: None if text in nulls else text for column, text in raw.items()}

    def _external_id(self, row: NullableRow) -> str:
        key = self.layout.key
        external_id = join_key([*self._prefix, *(_key_part(row, column) for column in key)], self.separator)
        if len(external_id) > MAX_EXTERNAL_ID:
            raise BadRecord(f"the key is longer than {MAX_EXTERNAL_ID} characters", field=key[0])
        if any(character < " " for character in external_id):
            raise BadRecord("the key holds control characters", field=key[0])
        return external_id

    def _reference(self, row: NullableRow, columns: Sequence[str]) -> str | None:
        if all(row.get(column) is None for column in columns):
            return None
        return join_key([_key_part(row, column) for column in columns], self.separator)

    def _extra_of(self, row: NullableRow) -> dict[str, Any]:
        if self.layout.extra != "*":
            return {name: text for column, name in self._extra.items() if (text := row.get(column)) is not None}
        return {
            extra_name(column): text
            for column, text in row.items()
            if text is not None and column not in self._mapped and not self.layout.hides(column)
        }


def _key_part(row: NullableRow, column: str) -> str:
    part = row.get(column)
    if part is None:
        raise BadRecord(f"the key column {column} has no value", field=column)
    return part
