"""How one field of an entity is filled: from a column, an expression, a constant, or key columns; and of what type."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from edurelay_connector_runner.connectors.generic_csv.expressions import MAX_EXPRESSION, Expression
from edurelay_connector_runner.connectors.generic_csv.values import (
    BooleanType,
    DateType,
    IntegerType,
    ListType,
    NumberType,
    TextType,
    ValueType,
)

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
TypeName = Literal["text", "integer", "number", "boolean", "date", "list"]

#: The formats of a date for which the layout names none.
ISO_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")

_SOURCES = ("column", "expression", "constant", "key")
_OPTIONS_OF: dict[str, TypeName] = {
    "decimal": "number",
    "true": "boolean",
    "false": "boolean",
    "format": "date",
    "zone": "date",
    "separator": "list",
}


class FieldLayout(BaseModel):
    """Where one field comes from. A text alone is an expression; a column's plain name is the simplest of those.

    `type` is by default what the entity's field asks for. The other settings belong to one type each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: ColumnName | None = Field(default=None, description="The column whose text is taken.")
    expression: Annotated[str, StringConstraints(max_length=MAX_EXPRESSION)] | None = Field(
        default=None, description="A JMESPath expression over the row, an object of column and text or null."
    )
    constant: str | bool | int | float | None = Field(default=None, description="A value that is always the same.")
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1)] | None = Field(
        default=None, description="The columns that are the key of the record to which this reference points."
    )
    optional: bool = Field(default=False, description="Whether the columns may be missing in the file.")
    type: TypeName | None = None
    decimal: Literal[".", ","] = Field(default=".", description="The decimal mark of a number.")
    true: Annotated[tuple[str, ...], Field(min_length=1)] = ("true", "yes", "y", "1")
    false: Annotated[tuple[str, ...], Field(min_length=1)] = ("false", "no", "n", "0")
    format: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="The format of a date, as of strptime, or several that are tried in their order."
    )
    zone: str | None = Field(default=None, description="The IANA time zone of moments that have no offset.")
    separator: Annotated[str, StringConstraints(min_length=1, max_length=8)] = Field(
        default=",", description="What stands between the items of a list."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_expression(cls, value: Any) -> Any:
        return {"expression": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        sources = [name for name in _SOURCES if name in self.model_fields_set]
        if len(sources) != 1:
            raise ValueError(f"exactly one of {', '.join(_SOURCES)} has to be given")
        self.compiled  # noqa: B018 - an expression that does not parse has to be seen here
        return self

    @cached_property
    def compiled(self) -> Expression | None:
        """The expression, if the field has one."""
        return Expression(self.expression) if self.expression is not None else None

    @property
    def plain_column(self) -> str | None:
        """The column whose text is the whole source of this field, if there is one."""
        if self.column is not None:
            return self.column
        if self.key is not None and len(self.key) == 1:
            return self.key[0]
        return self.compiled.column if self.compiled else None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that this field reads."""
        if self.column is not None:
            return (self.column,)
        return self.key or (self.compiled.columns if self.compiled else ())

    def value_type(self, default: TypeName) -> ValueType:
        """Return the field's type, `default` where the layout names none. Raises `ValueError` for settings that
        make no sense, or belong to another type."""
        name = self.type or default
        for option, owner in _OPTIONS_OF.items():
            if option in self.model_fields_set and name != owner:
                raise ValueError(f"{option} belongs to the type {owner}, not to {name}")
        match name:
            case "integer":
                return IntegerType()
            case "number":
                return NumberType(self.decimal)
            case "boolean":
                return BooleanType(self.true, self.false)
            case "date":
                formats = self.format or ISO_FORMATS
                return DateType((formats,) if isinstance(formats, str) else formats, self.zone)
            case "list":
                return ListType(self.separator)
            case _:
                return TextType()
