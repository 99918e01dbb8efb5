"""Mappings and entities as callers see them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edurelay.model import EntityType
from edurelay.web.paging import PageQuery

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class MappingQuery(PageQuery):
    """Which mappings to list."""

    connection: Identifier | None = Field(default=None, description="Only those of this connection.")
    entity_type: EntityType | None = None
    external_id: ExternalId | None = Field(default=None, description="The provider's id.")
    internal_id: Identifier | None = Field(default=None, description="The inside id.")


class EntityQuery(PageQuery):
    """Which entities to list."""

    connection: Identifier | None = Field(default=None, description="Only those of this connection.")


class Mapping(BaseModel):
    """That a provider's record and an inside id are one."""

    model_config = ConfigDict(extra="ignore")

    id: str
    connection_id: str
    entity_type: str
    internal_id: str
    external_id: str
    metadata: dict[str, Any] = {}
    created_at: str
    updated_at: str


class MappingPage(BaseModel):
    """Some mappings."""

    data: list[Mapping]
    next_cursor: str | None = None


class MappingCount(BaseModel):
    """How many mappings there are."""

    count: int


class EntityView(BaseModel):
    """A canonical record. `version` counts its changes."""

    model_config = ConfigDict(extra="ignore")

    id: str
    type: str
    connection_id: str
    external_id: str
    version: int
    attributes: dict[str, Any]
    created_at: str
    updated_at: str


class EntityPage(BaseModel):
    """Some entities of one type."""

    data: list[EntityView]
    next_cursor: str | None = None
