"""What the internal API takes and answers."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from edurelay.events.envelope import timestamp
from edurelay.messages.runs import Counts
from edurelay.model import EntityType
from edurelay.mongo import Document
from edurelay.web.paging import PageQuery
from edurelay_mapping.api.tenants import ExternalId, Identifier
from edurelay_mapping.identity import Identity


class Strict(BaseModel):
    """A body: nothing in it is passed over in silence."""

    model_config = ConfigDict(extra="forbid")


class CountQuery(BaseModel):
    """Which mappings to count."""

    connection: Identifier | None = None
    entity_type: EntityType | None = None


class MappingQuery(PageQuery, CountQuery):
    """Which mappings to list."""

    external_id: ExternalId | None = None
    internal_id: Identifier | None = None


class ConnectionQuery(BaseModel):
    """Of which connection."""

    connection: Identifier | None = None


class EntityQuery(PageQuery, ConnectionQuery):
    """Which entities to list."""


class NewMapping(Strict):
    """A mapping made before its record was seen. Without an `internal_id` it gets the one that follows from it."""

    connection_id: Identifier
    entity_type: EntityType
    external_id: ExternalId
    internal_id: Identifier | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class InsideId(Strict):
    """An inside id, of one kind of entity."""

    entity_type: EntityType
    internal_id: Identifier


class ExternalIdsQuestion(Strict):
    """What a connection's provider calls these."""

    connection_id: Identifier
    ids: list[InsideId] = Field(max_length=1000)


class ExternalIds(BaseModel):
    """The provider's ids in the order of the question; null where the connection has none."""

    external_ids: list[str | None]


class MappingView(BaseModel):
    """That a provider's record and an inside id are one."""

    id: str
    connection_id: str
    entity_type: str
    internal_id: str
    external_id: str
    metadata: dict[str, Any]
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, document: Document) -> MappingView:
        """Return a document's mapping."""
        names = ("connection_id", "entity_type", "internal_id", "external_id", "created_at")
        identity = Identity(
            document["tenant"], document["connection_id"], document["entity_type"], document["external_id"]
        )
        return cls(
            id=identity.mapping_id,
            metadata=document.get("metadata", {}),
            updated_at=document["changed_at"],
            **{name: document[name] for name in names},
        )


class MappingPage(BaseModel):
    """Some mappings."""

    data: list[MappingView]
    next_cursor: str | None = None


class Count(BaseModel):
    """How many there are."""

    count: int


class EntityView(BaseModel):
    """A canonical record. `version` counts its changes."""

    id: str
    type: str
    connection_id: str
    external_id: str
    version: int
    attributes: dict[str, Any]
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, document: Document) -> EntityView:
        """Return a document's entity."""
        names = ("connection_id", "external_id", "version", "attributes", "created_at")
        return cls(
            id=document["internal_id"],
            type=document["entity_type"],
            updated_at=document["changed_at"],
            **{name: document[name] for name in names},
        )


class EntityPage(BaseModel):
    """Some entities of one kind."""

    data: list[EntityView]
    next_cursor: str | None = None


class Segment(Strict):
    """Batches of a run: those of one lease epoch, from 1 through the last that is asked about."""

    epoch: int
    through: int = Field(ge=0)


class OutcomesQuestion(Strict):
    """Which batches of a run have to have an outcome."""

    segments: list[Segment] = Field(max_length=1000)


class Outcomes(BaseModel):
    """What became of a run's batches. `missing` of those that were asked about have no outcome yet; `streams` counts
    every batch of the run that has one."""

    missing: int
    streams: dict[str, Counts]


class RejectedView(BaseModel):
    """A record that could not be used. `reprocessed_by` is the run that tried it again."""

    id: str
    stream: str
    entity_type: str
    external_id: str | None
    reason: str
    field: str | None
    where: str | None
    line: int | None
    column: int | None
    raw: Any
    rejected_at: str
    reprocessed_by: str | None

    @classmethod
    def of(cls, document: Document) -> RejectedView:
        """Return a rejected record."""
        names = ("stream", "entity_type", "external_id", "reason", "field", "where", "line", "column", "reprocessed_by")
        return cls(
            id=document["_id"],
            raw=orjson.loads(document["raw"]),
            rejected_at=timestamp(document["rejected_at"]),
            **{name: document[name] for name in names},
        )


class RejectedPage(BaseModel):
    """Some rejected records of a run."""

    data: list[RejectedView]
    next_cursor: str | None = None


class Resolved(Strict):
    """Rejected records that the run `run_id` tried again."""

    ids: list[str] = Field(max_length=1000)
    run_id: str = Field(min_length=1, max_length=128)


class LogState(BaseModel):
    """The epoch of the log from now on."""

    epoch: int
