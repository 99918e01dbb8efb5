"""The mapping service over its internal HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from typing import TypeVar

from edurelay.model import EntityType
from edurelay.web.internal import InternalClient, QueryValues, internal_path
from edurelay.web.problems import Problem
from edurelay_connector_runner.mapping import EntityPage, MappingUnavailable, Outcomes, RejectedPage
from edurelay_connector_runner.runs.state import Segment

T = TypeVar("T")

#: How many entities or rejected records are asked for at once.
PAGE = 500
#: How many segments the mapping service takes in one question.
SEGMENTS = 1_000


class MappingClient:
    """Keeps the promises of `Mapping`. Every call is bound to a tenant by its path."""

    def __init__(self, http: InternalClient) -> None:
        self._http = http

    async def outcomes(self, tenant: str, run_id: str, segments: Sequence[Segment]) -> Outcomes:
        """Return the counts of a run, whose segments may take several questions. The counts are those of the last
        answer: they may run ahead of what is missing, never behind."""
        path = internal_path("tenants", tenant, "runs", run_id, "outcomes")
        missing, asked = 0, 0
        while True:
            body = {"segments": [asdict(segment) for segment in segments[asked : asked + SEGMENTS]]}
            outcomes = await _answered(self._http.post(path, body, Outcomes))
            missing, asked = missing + outcomes.missing, asked + SEGMENTS
            if asked >= len(segments):
                return Outcomes(missing=missing, streams=outcomes.streams)

    async def entities(
        self, tenant: str, entity_type: EntityType, connection_id: str, cursor: str | None
    ) -> EntityPage:
        """Return a page of entities."""
        path = internal_path("tenants", tenant, "entities", entity_type.value)
        query: QueryValues = {"connection": connection_id, "limit": PAGE, "cursor": cursor}
        return await _answered(self._http.get(path, EntityPage, query=query))

    async def rejected(self, tenant: str, run_id: str, cursor: str | None) -> RejectedPage:
        """Return a page of rejected records."""
        path = internal_path("tenants", tenant, "runs", run_id, "rejected")
        return await _answered(self._http.get(path, RejectedPage, query={"limit": PAGE, "cursor": cursor}))

    async def resolve(self, tenant: str, run_id: str, ids: Sequence[str], by_run: str) -> None:
        """Mark rejected records."""
        path = internal_path("tenants", tenant, "runs", run_id, "rejected", "resolved")
        await _answered(self._http.post(path, {"ids": list(ids), "run_id": by_run}))


async def _answered(call: Awaitable[T]) -> T:
    """A refusal is as good as no answer here: what is asked is right, so that the other side is not what it should
    be, and may be again once it is mended."""
    try:
        return await call
    except Problem as problem:
        raise MappingUnavailable(f"{problem.status} {problem.code}: {problem.detail}") from problem
