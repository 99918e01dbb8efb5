"""What the runner asks of the mapping service: the outcomes of its batches, entities, and rejected records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from edurelay.messages.runs import Counts
from edurelay.model import EntityType
from edurelay_connector_runner.runs.state import Segment


class MappingUnavailable(Exception):
    """The mapping service does not answer at the moment."""


class Answer(BaseModel):
    """A part of an answer; fields that are not needed here are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Outcomes(Answer):
    """What became of a run's batches. `missing` of those that were asked for have no outcome yet; `streams` counts
    everything that is known of the run."""

    missing: int
    streams: dict[str, Counts]


class StoredEntity(Answer):
    """A canonical record with both of its ids."""

    id: str
    external_id: str
    attributes: dict[str, Any]


class EntityPage(Answer):
    """A part of a list of entities; `next_cursor` is None on the last."""

    data: list[StoredEntity]
    next_cursor: str | None = None


class RejectedRecord(Answer):
    """A record that was rejected in some run. `reprocessed_by` is the run that tried it again."""

    id: str
    stream: str
    entity_type: str
    raw: Any = None
    where: str | None = None
    line: int | None = None
    reprocessed_by: str | None = None


class RejectedPage(Answer):
    """A part of a run's rejected records; `next_cursor` is None on the last."""

    data: list[RejectedRecord]
    next_cursor: str | None = None


class Mapping(Protocol):
    """The mapping service. Each call raises `MappingUnavailable`."""

    async def outcomes(self, tenant: str, run_id: str, segments: Sequence[Segment]) -> Outcomes:
        """Return the counts of a run, and how many batches of these segments they lack."""

    async def entities(
        self, tenant: str, entity_type: EntityType, connection_id: str, cursor: str | None
    ) -> EntityPage:
        """Return the entities of one kind that came over a connection."""

    async def rejected(self, tenant: str, run_id: str, cursor: str | None) -> RejectedPage:
        """Return the records that a run rejected."""

    async def resolve(self, tenant: str, run_id: str, ids: Sequence[str], by_run: str) -> None:
        """Mark rejected records of a run as tried again by another."""
