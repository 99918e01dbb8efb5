"""The layout of a folder of CSV files: which files feed which stream, and how their columns become fields.

A layout is data, part of a connection's config, written as an object (or as a TOML file that holds one: see
`examples/`). It is checked as a whole before anything is read.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from edurelay.model import Entity, EntityType, model_of
from edurelay_connector_runner.connectors.generic_csv.encodings import EncodingName
from edurelay_connector_runner.connectors.generic_csv.expressions import MAX_EXPRESSION, Expression
from edurelay_connector_runner.connectors.generic_csv.fields import ColumnName, FieldLayout

#: The prefix of a field that is filled into an entity's `extra`. The API lets no name with a dot in.
EXTRA = "extra:"

#: Columns that no layout can have, by their names in some languages of schools.
_PASSWORD = re.compile(
    r"pass[ _-]?(word|wd|code|phrase|wort)|passwd|\bpwd\b|\bsecret\b|kennwort|contraseñ|\bsenha\b"
    r"|mot[ _-]?de[ _-]?passe",
    re.IGNORECASE,
)

_StreamName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"^[^\r\n\x00]$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dialect(_Part):
    """How the files are written."""

    delimiter: _OneCharacter = ","
    quote: Literal[""] | _OneCharacter = Field(default='"', description="The quote; empty where nothing is quoted.")
    encoding: EncodingName = "utf-8"
    nulls: tuple[str, ...] = Field(default=("",), description="Texts that stand for no value.")
    trim: bool = Field(default=False, description="Whether spaces around names and values are dropped.")
    skip_rows: int = Field(default=0, ge=0, le=1000, description="How many lines stand before the header.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.delimiter == self.quote:
            raise ValueError("delimiter and quote have to differ")
        return self


class StreamLayout(_Part):
    """One stream: its files, its key, its fields."""

    entity_type: EntityType
    files: str = Field(description="The files' name or pattern (* ? [..] **), relative to importPath.")
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1)] = Field(
        description="The columns that together identify a record; they become its external id."
    )
    key_prefix: str = Field(
        default="", max_length=64, description="What stands before the key, where another stream has the same keys."
    )
    where: Annotated[str, StringConstraints(max_length=MAX_EXPRESSION)] | None = Field(
        default=None, description="A JMESPath expression: a row for which it gives nothing or false is no record."
    )
    fields: dict[str, FieldLayout] = Field(
        description="Where each field of the entity comes from; `extra:<name>` is a field of its extra."
    )
    extra: tuple[ColumnName, ...] | Literal["*"] = Field(
        default=(), description="Columns taken over into extra as they stand; * for all that nothing else reads."
    )
    exclude: tuple[ColumnName, ...] = Field(
        default=(), description="Columns that are never taken over and never shown, such as passwords."
    )
    distinct: bool = Field(
        default=False, description="Whether a key may stand in several rows, of which the first counts."
    )
    optional: bool = Field(default=False, description="Whether the files may be missing.")
    enabled: bool = True
    export: str | None = Field(default=None, description="The name of the exported file, if it is not `files`.")
    dialect: Dialect | None = Field(default=None, description="What differs from the layout's dialect.")

    @field_validator("files")
    @classmethod
    def _files_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in value or "\\" in value:
            raise ValueError("a file pattern is relative to importPath and stays inside it")
        if any("**" in part and part != "**" for part in path.parts) or path.parts[-1] == "**":
            raise ValueError("** stands for folders, between slashes")
        return value

    @field_validator("export")
    @classmethod
    def _export_name(cls, value: str | None) -> str | None:
        if value is not None and (value != PurePosixPath(value).name or value.startswith(".") or "\0" in value):
            raise ValueError("the exported file is named without a folder")
        return value

    @field_validator("fields")
    @classmethod
    def _extra_names(cls, value: dict[str, FieldLayout]) -> dict[str, FieldLayout]:
        for name in value:
            if name.startswith(EXTRA) and not is_extra_name(name.removeprefix(EXTRA)):
                raise ValueError(f"{name}: a name in extra is not empty, has no dot, and begins with no $")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = {name for name in self.fields if not name.startswith(EXTRA)}
        unknown = named - self.model.model_fields.keys() | named & {"extra"}
        if unknown:
            raise ValueError(f"a {self.entity_type} has no field {', '.join(sorted(unknown))}")
        missing = {name for name, field in self.model.model_fields.items() if field.is_required()} - named
        if missing:
            raise ValueError(f"a {self.entity_type} needs {', '.join(sorted(missing))}")
        used = {*self.key, *(self.extra if self.extra != "*" else ()), *self.mapped_columns}
        hidden = {column for column in used if self.hides(column)}
        if hidden:
            raise ValueError(f"excluded columns, or passwords, are used: {', '.join(sorted(hidden))}")
        return self

    def hides(self, column: str) -> bool:
        """Say whether a column is never taken over: the layout excludes it, or its name speaks of a password."""
        return column in self.exclude or _is_password(column)

    @cached_property
    def condition(self) -> Expression | None:
        """The compiled `where`."""
        return Expression(self.where) if self.where is not None else None

    @property
    def export_name(self) -> str | None:
        """The name of the exported file, if the layout gives one."""
        plain = not any(character in self.files for character in "/*?[")
        return self.export or (self.files if plain else None)

    @property
    def model(self) -> type[Entity]:
        """The entity's model."""
        return model_of(self.entity_type)

    @cached_property
    def mapped_columns(self) -> frozenset[str]:
        """The columns that fields and the condition read."""
        conditional = self.condition.columns if self.condition else ()
        return frozenset((*conditional, *(column for field in self.fields.values() for column in field.columns)))


class Layout(_Part):
    """A folder of CSV files."""

    streams: Annotated[dict[_StreamName, StreamLayout], Field(min_length=1, max_length=64)]
    dialect: Dialect = Field(default_factory=Dialect, description="How all files are written.")
    separator: _OneCharacter = Field(
        default=":", description="What joins the columns of a composite key; inside them it gets a backslash."
    )

    @field_validator("separator")
    @classmethod
    def _no_escape(cls, value: str) -> str:
        if value == "\\" or value < " ":
            raise ValueError("the separator is a visible character, and no backslash")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.streams:
            self.dialect_of(name)
        return self

    def dialect_of(self, stream: str) -> Dialect:
        """Return how one stream's files are written."""
        own = self.streams[stream].dialect
        if own is None:
            return self.dialect
        return Dialect.model_validate({**self.dialect.model_dump(), **own.model_dump(exclude_unset=True)})


@lru_cache(maxsize=4096)
def _is_password(column: str) -> bool:
    return _PASSWORD.search(column) is not None


def extra_name(column: str) -> str:
    """Return the name under which a column stands in `extra`."""
    name = column.replace(".", "_")
    return f"_{name[1:]}" if name.startswith("$") else name


def is_extra_name(name: str) -> bool:
    """Say whether a name can stand in `extra`: the stores keep no dots and no leading `$` in names."""
    return bool(name) and "." not in name and not name.startswith("$") and "\0" not in name
