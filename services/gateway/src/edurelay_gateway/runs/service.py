"""The use cases of runs: order, follow, cancel, reprocess."""

from __future__ import annotations

import time
from typing import Protocol

from edurelay.events.envelope import now
from edurelay.events.ids import new_id
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.connections import ConnectionStatus
from edurelay_gateway.connections.announcement import cancellation, command_message
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.connections.service import ATTEMPTS
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.errors import (
    ChangedMeanwhile,
    ConnectionInactive,
    Missing,
    RunFinished,
    RunUnfinished,
    SyncInProgress,
)
from edurelay_gateway.publication import Publication
from edurelay_gateway.runs.models import RejectedPage, RunOrder, StoredRun
from edurelay_gateway.runs.projection import RunProjection
from edurelay_gateway.runs.store import RunStore
from edurelay_gateway.runs.waiting import RunWaiters, Watch

#: How often a waiter looks into the store by itself, in seconds, should the tail have missed the end.
LOOK_SECONDS = 1.0


class RejectedRecords(Protocol):
    """Who keeps the records that runs rejected."""

    async def rejected(self, tenant: str, run_id: str, *, limit: int, cursor: str | None) -> RejectedPage:
        """Return some of a run's rejected records."""


class Streams(Protocol):
    """Who knows a provider's streams."""

    async def check_streams(self, provider: str, streams: list[str]) -> None:
        """Check the names of streams, where the provider declares its own. Raises `UnknownStream`."""


class Runs:
    """Orders runs, one at a time for each connection, and follows them."""

    def __init__(
        self,
        store: RunStore,
        connections: ConnectionStore,
        publication: Publication,
        projection: RunProjection,
        waiters: RunWaiters,
        rejected_records: RejectedRecords,
        streams: Streams,
    ) -> None:
        self._store = store
        self._connections = connections
        self._publication = publication
        self._projection = projection
        self._waiters = waiters
        self._rejected_records = rejected_records
        self._streams = streams

    async def start(self, tenant: str, connection_id: str, order: RunOrder, *, wait: float = 0.0) -> StoredRun:
        """Order a run and wait up to `wait` seconds for its end. Raises `Missing`, `ConnectionInactive`,
        `SyncInProgress`, `UnknownStream`."""
        run_id = new_id("run")
        with self._waiters.watch(run_id) as watch:
            claimed = await self._claim(tenant, connection_id, run_id, order)
            moment = now()
            run = StoredRun(
                id=run_id,
                tenant=tenant,
                connection_id=connection_id,
                requested_at=moment,
                created_at=moment,
                **order.model_dump(include={"kind", "full", "dry_run", "source_run_id"}),
            )
            await self._store.of(tenant).insert_ordered(run)
            # Unsent or not, the run is ordered: the sweep sends what Kafka could not take now.
            await self._publication.flush(claimed.id)
            return await self._follow(run, watch, wait)

    async def get(self, tenant: str, run_id: str, *, wait: float = 0.0) -> StoredRun:
        """Return a run, waiting up to `wait` seconds for its end. Raises `Missing`."""
        with self._waiters.watch(run_id) as watch:
            run = await self._store.of(tenant).get(run_id)
            if run is None:
                raise Missing("run")
            return await self._follow(run, watch, wait)

    async def page(
        self,
        tenant: str,
        *,
        connection_id: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> list[StoredRun]:
        """Return some runs, the newest first."""
        store = self._store.of(tenant)
        return await store.page(connection_id=connection_id, status=status, kind=kind, limit=limit, after=after)

    async def cancel(self, tenant: str, run_id: str) -> StoredRun:
        """Ask the runner to end a run; it goes on being shown as it is until the runner did. Raises `Missing`,
        `RunFinished`."""
        run = await self.get(tenant, run_id)
        if run.status.terminal:
            raise RunFinished(run.status.value)
        connections = self._connections.of(tenant)
        connection = await connections.get(run.connection_id)
        # The run of a deleted connection was cancelled when that was deleted.
        if connection is not None and await connections.tell(connection.id, cancellation(connection, run_id)):
            await self._publication.flush(connection.id)
        return run

    async def rejected(self, tenant: str, run_id: str, *, limit: int, cursor: str | None) -> RejectedPage:
        """Return some of the records that a run rejected. Raises `Missing`."""
        await self.get(tenant, run_id)
        return await self._rejected_records.rejected(tenant, run_id, limit=limit, cursor=cursor)

    async def reprocess(self, tenant: str, run_id: str, *, wait: float = 0.0) -> StoredRun:
        """Order a run over the rejected records of an earlier one. Raises what `start` raises, and `RunUnfinished`."""
        source = await self.get(tenant, run_id)
        if not source.status.terminal:
            raise RunUnfinished
        order = RunOrder(kind=CommandKind.REPROCESS, source_run_id=run_id)
        return await self.start(tenant, source.connection_id, order, wait=wait)

    async def _claim(self, tenant: str, connection_id: str, run_id: str, order: RunOrder) -> StoredConnection:
        """Give the connection to the run. The connection carries the command, so that it is claimed and told in
        one write, and no crash can leave it claimed by a run that nobody heard of."""
        connections = self._connections.of(tenant)
        for _ in range(ATTEMPTS):
            seen = await connections.get(connection_id)
            if seen is None:
                raise Missing("connection")
            if seen.status is ConnectionStatus.INACTIVE:
                raise ConnectionInactive
            if seen.active_run is not None:
                raise SyncInProgress(seen.active_run)
            if order.streams is not None:
                await self._streams.check_streams(seen.provider, order.streams)
            command = Command(
                run_id=run_id,
                tenant=tenant,
                connection_id=connection_id,
                connection_version=seen.version,
                requested_at=now(),
                **order.model_dump(),
            )
            claimed = await connections.claim(seen, run_id, command_message(command))
            if claimed is not None:
                return claimed
        raise ChangedMeanwhile("connection")

    async def _follow(self, run: StoredRun, watch: Watch, seconds: float) -> StoredRun:
        """Return the run as it is when it has ended or `seconds` are over."""
        deadline = time.monotonic() + seconds
        while not run.status.terminal and (left := deadline - time.monotonic()) > 0:
            ended = await watch.end(min(left, LOOK_SECONDS))
            if ended is not None:
                # Whoever is told of the end may at once order the next run: it has to be taken over before.
                await self._projection.apply(ended)
            run = await self._store.of(run.tenant).get(run.id) or run
            if ended is None and watch.stopping:
                break
        return run
