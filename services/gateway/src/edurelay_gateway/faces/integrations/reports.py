"""What the document's answers are made of, beyond the connection itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from edurelay.messages.runs import RunStatus
from edurelay.model import EntityType
from edurelay_gateway.faces.integrations.models import IntegrationMapping, MappingEntityType, SyncResult
from edurelay_gateway.mappings.models import MappingPage, MappingQuery
from edurelay_gateway.runs.models import RejectedPage, RejectedRecord, StoredRun

#: The document's lists have no pages; these are the most entries that an answer holds.
MOST_MAPPINGS = 50_000
MOST_REJECTED = 100

PAGE = 1000


class IdMap(Protocol):
    """Who keeps mappings and rejected records."""

    async def mappings(self, tenant: str, query: MappingQuery) -> MappingPage:
        """Return some mappings."""

    async def count(self, tenant: str, connection_id: str, entity_type: EntityType) -> int:
        """Return how many mappings of a type a connection has."""

    async def rejected(self, tenant: str, run_id: str, *, limit: int, cursor: str | None) -> RejectedPage:
        """Return some of a run's rejected records."""


class Reports:
    """Gathers what is asked for from the id map."""

    def __init__(self, id_map: IdMap) -> None:
        self._id_map = id_map

    async def mappings(
        self, tenant: str, connection_id: str, entity_type: MappingEntityType | None
    ) -> list[IntegrationMapping]:
        """Return the mappings of one kind, or of all kinds that the document knows."""
        found: list[IntegrationMapping] = []
        for kind in _kinds(entity_type):
            cursor: str | None = None
            while len(found) < MOST_MAPPINGS:
                query = MappingQuery(connection=connection_id, entity_type=kind.inside, limit=PAGE, cursor=cursor)
                page = await self._id_map.mappings(tenant, query)
                found.extend(map(IntegrationMapping.of, page.data))
                cursor = page.next_cursor
                if cursor is None:
                    break
        return found[:MOST_MAPPINGS]

    async def mappings_count(self, tenant: str, connection_id: str) -> int:
        """Return how many mappings there are of all kinds that the document knows."""
        counts = (self._id_map.count(tenant, connection_id, kind.inside) for kind in MappingEntityType)
        return sum(await asyncio.gather(*counts))

    async def sync_result(self, run: StoredRun, entity_type: MappingEntityType | None) -> SyncResult:
        """Return what a run that has ended did."""
        rejected: list[RejectedRecord] = []
        if run.counts.rejected:
            rejected = (await self._id_map.rejected(run.tenant, run.id, limit=MOST_REJECTED, cursor=None)).data
        counts = run.counts
        return SyncResult(
            success=run.status is RunStatus.SUCCEEDED,
            synced=counts.created + counts.updated + counts.unchanged,
            errors=list(_errors(run, rejected)),
            mappings=await self.mappings(run.tenant, run.connection_id, entity_type),
        )


def _kinds(entity_type: MappingEntityType | None) -> Iterable[MappingEntityType]:
    return MappingEntityType if entity_type is None else (entity_type,)


def _errors(run: StoredRun, rejected: Iterable[RejectedRecord]) -> Iterable[str]:
    if run.error is not None:
        yield run.error
    for stream in run.streams:
        if stream.error is not None:
            yield f"{stream.stream}: {stream.error}"
    for record in rejected:
        yield f"{record.where or record.external_id or record.stream}: {record.reason}"
