"""Where runs are kept: a projection of `edurelay.runs`, begun by the order."""

from __future__ import annotations

from edurelay.messages.runs import Run
from edurelay.mongo import CollectionSpec, Database, Document, DuplicateKeyError, Index
from edurelay_gateway.runs.models import StoredRun, reported
from edurelay_gateway.tenancy import PAGE_INDEX, PLACE, TenantCollection

RUNS = CollectionSpec(
    "runs",
    (PAGE_INDEX, Index((("tenant", 1), ("connection_id", 1), (PLACE, -1)))),
)


class RunStore:
    """All runs; `of` opens the part of one tenant."""

    def __init__(self, database: Database) -> None:
        self._collection = database[RUNS]

    def of(self, tenant: str) -> TenantRuns:
        """Return the runs of one tenant."""
        return TenantRuns(TenantCollection(self._collection, tenant))


class TenantRuns:
    """The runs of one tenant."""

    def __init__(self, documents: TenantCollection) -> None:
        self._documents = documents

    async def get(self, run_id: str) -> StoredRun | None:
        """Return a run."""
        found = await self._documents.find(run_id)
        return StoredRun.model_validate(found) if found is not None else None

    async def page(
        self, *, connection_id: str | None, status: str | None, kind: str | None, limit: int, after: str | None
    ) -> list[StoredRun]:
        """Return up to `limit` runs, the newest first."""
        given = {"connection_id": connection_id, "status": status, "kind": kind}
        filters: Document = {name: value for name, value in given.items() if value is not None}
        found = await self._documents.page(filters, limit=limit, after=after)
        return [StoredRun.model_validate(document) for document in found]

    async def insert_ordered(self, run: StoredRun) -> None:
        """Insert a run that was just ordered, unless its first message came quicker."""
        try:
            await self._documents.insert(run.to_document())
        except DuplicateKeyError:
            fields = {name: getattr(run, name) for name in ("full", "dry_run", "source_run_id")}
            await self._documents.update(run.id, {"$set": fields})

    async def report(self, run: Run) -> None:
        """Take over what a message says, unless a newer one was taken over already."""
        newer = {"revision": {"$lt": run.revision}}
        if await self._documents.update(run.id, {"$set": reported(run)}, newer):
            return
        ordered = StoredRun(
            id=run.id,
            tenant=run.tenant,
            connection_id=run.connection_id,
            kind=run.kind,
            requested_at=run.requested_at,
            created_at=run.requested_at,
        )
        try:
            await self._documents.insert({**ordered.to_document(), **reported(run)})
        except DuplicateKeyError:
            # Either a newer message was here first, or the order came between our two writes.
            await self._documents.update(run.id, {"$set": reported(run)}, newer)
