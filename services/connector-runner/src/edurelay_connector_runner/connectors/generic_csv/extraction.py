"""How one field's value is got out of a row: from a column, from the columns of a key, or by an expression."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from edurelay_connector_runner.connectors.generic_csv.expressions import ExpressionFailed
from edurelay_connector_runner.connectors.generic_csv.fields import FieldLayout, TypeName
from edurelay_connector_runner.connectors.generic_csv.keys import join_key
from edurelay_connector_runner.connectors.generic_csv.values import ListType, TextType
from edurelay_connector_runner.sdk import BadRecord

#: A row in which null marks have become None.
NullableRow = Mapping[str, str | None]

#: How many values a field remembers: in most columns few texts stand again and again.
_REMEMBERED = 256


class Extractor:
    """One field: its name (in `extra`, if `in_extra`), its layout, its type, and the way to its value."""

    def __init__(self, name: str, layout: FieldLayout, default: TypeName, separator: str, *, in_extra: bool) -> None:
        """Raises `ValueError` for settings that do not fit the type."""
        self.name = name
        self.in_extra = in_extra
        self.layout = layout
        self.type = layout.value_type(default)
        self._separator = separator
        self._columns = layout.columns
        self._column = layout.plain_column
        self._as_is = type(self.type) is TextType
        self._constant = None if layout.constant is None else self.type.parse(layout.constant)
        # A list can be changed by whoever gets it, so it is made anew each time.
        remember = (lambda evaluate: evaluate) if isinstance(self.type, ListType) else lru_cache(_REMEMBERED)
        self._parse = remember(self.type.parse)
        self._evaluate = remember(self._evaluate_anew)

    @property
    def blamed(self) -> str:
        """What an error names: the column if there is just one, else the field."""
        return self._column or self.name

    def value(self, row: NullableRow) -> Any:
        """Return the field's value, None where it has none. Raises `BadRecord`."""
        try:
            if self._column is not None:
                text = row.get(self._column)
                return text if self._as_is or text is None else self._parse(text)
            if self._columns:
                return self._evaluate(*map(row.get, self._columns))
        except (ExpressionFailed, ValueError) as error:
            raise BadRecord(f"{self.name}: {error}", field=self.blamed) from error
        return self._constant

    def _evaluate_anew(self, *texts: str | None) -> Any:
        if self.layout.compiled is not None:
            value = self.layout.compiled(*texts)
            return None if value is None else self.type.parse(value)
        return self.type.parse(reference) if (reference := self._reference(texts)) is not None else None

    def _reference(self, parts: tuple[str | None, ...]) -> str | None:
        present = [part for part in parts if part is not None]
        if not present:
            return None
        if len(present) < len(parts):
            raise ValueError(f"the key column {self._columns[parts.index(None)]} has no value")
        return join_key(present, self._separator)
