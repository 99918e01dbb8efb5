"""A stream's layout, compiled: from a row (column and text) to an external id and an entity. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from pydantic import ValidationError

from edurelay.model import Entity
from edurelay.model.entities import Moment
from edurelay_connector_runner.connectors.generic_csv.expressions import ExpressionFailed
from edurelay_connector_runner.connectors.generic_csv.extraction import Extractor, NullableRow
from edurelay_connector_runner.connectors.generic_csv.fields import FieldLayout, TypeName
from edurelay_connector_runner.connectors.generic_csv.keys import join_key, split_key
from edurelay_connector_runner.connectors.generic_csv.layout import EXTRA, Layout, StreamLayout, extra_name
from edurelay_connector_runner.connectors.generic_csv.values import shown
from edurelay_connector_runner.sdk import BadRecord

#: The longest external id, in characters, as for references.
MAX_EXTERNAL_ID = 256

_CONTROL = re.compile(r"[\x00-\x1f]")
_TEXT = {str}


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
        self._takes_all = self.layout.extra == "*"
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
            row = self._nullable(raw)
            found = self._condition(*(row.get(column) for column in self._condition.columns))
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
        return column in self._taken or (self._takes_all and not self.layout.hides(column))

    def _compile(self, name: str, layout: FieldLayout) -> Extractor:
        in_extra = name.startswith(EXTRA)
        default: TypeName = "text" if in_extra else self._default_type(name)
        try:
            return Extractor(name.removeprefix(EXTRA), layout, default, self.separator, in_extra=in_extra)
        except ValueError as error:
            raise ValueError(f"fields.{name}: {error}") from error

    def _default_type(self, name: str) -> TypeName:
        annotation = self.layout.model.model_fields[name].annotation
        kinds = (annotation, *get_args(annotation))
        if Moment in kinds:
            return "date"
        return "number" if float in kinds else "boolean" if bool in kinds else "text"

    def _nullable(self, raw: Any) -> dict[str, str | None]:
        if not isinstance(raw, dict):
            raise BadRecord("this line could not be split into columns; mend the file and read it again")
        if not all(map(raw.__contains__, self.required_columns)):
            column = min(self.required_columns - raw.keys())
            raise BadRecord(f"the column {column} is missing", field=column)
        if not {*map(type, raw.values())} <= _TEXT:
            raise BadRecord("a row has to be an object of columns and texts")
        nulls = self._nulls
        if self.dialect.trim:
            raw = {column: text.strip() for column, text in raw.items()}
        return {column: None if text in nulls else text for column, text in raw.items()}

    def _external_id(self, row: NullableRow) -> str:
        key = self.layout.key
        parts = [*map(row.__getitem__, key)]
        if None in parts:
            column = key[parts.index(None)]
            raise BadRecord(f"the key column {column} has no value", field=column)
        external_id = join_key([*self._prefix, *cast("list[str]", parts)], self.separator)
        if len(external_id) > MAX_EXTERNAL_ID:
            raise BadRecord(f"the key is longer than {MAX_EXTERNAL_ID} characters", field=key[0])
        if _CONTROL.search(external_id):
            raise BadRecord("the key holds control characters", field=key[0])
        return external_id

    def _extra_of(self, row: NullableRow) -> dict[str, Any]:
        if not self._takes_all:
            extra = self._extra
            return {name: text for column, name in extra.items() if (text := row.get(column)) is not None}
        return {
            extra_name(column): text
            for column, text in row.items()
            if text is not None and column not in self._mapped and not self.layout.hides(column)
        }
