"""What the runners report, taken over: the run's own document, and at its end the connection that it held."""

from __future__ import annotations

from typing import Any

from edurelay.kafka.consumer import Received
from edurelay.messages.base import MalformedMessage
from edurelay.messages.commands import CommandKind
from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.runs import Run, RunStatus
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.publication import Publication
from edurelay_gateway.runs.store import RunStore


class RunProjection:
    """Applies messages of `edurelay.runs`. Applying one again, or an old one late, changes nothing."""

    def __init__(self, runs: RunStore, connections: ConnectionStore, publication: Publication) -> None:
        self._runs = runs
        self._connections = connections
        self._publication = publication

    async def process(self, received: Received) -> None:
        """Apply one message. Raises `MalformedMessage`, and `StoreUnavailable` to be handed the message again."""
        if received.value is None:
            raise MalformedMessage("the message of a run has no value")
        await self.apply(Run.decode(received.value))

    async def apply(self, run: Run) -> None:
        """Take over a run's state; its end frees the connection. The order of the two writes lets a crash between
        them be mended by the same message, which is then handed over again."""
        await self._runs.of(run.tenant).report(run)
        if run.status.terminal:
            await self._free_connection(run)

    async def _free_connection(self, run: Run) -> None:
        connections = self._connections.of(run.tenant)
        while True:
            seen = await connections.get(run.connection_id)
            if seen is None or seen.active_run != run.id:
                return
            changes: dict[str, Any] = {}
            if await self._counts_as_sync(run):
                changes["last_sync_at"] = run.finished_at
            status = status_after(seen, run.status)
            if status is seen.status:
                freed = await connections.release(seen, changes)
            else:
                freed = await connections.change(seen, {**changes, "status": status, "active_run": None})
            if freed is not None:
                await self._publication.flush(seen.id)
                return

    async def _counts_as_sync(self, run: Run) -> bool:
        if run.status is not RunStatus.SUCCEEDED or run.kind != CommandKind.SYNC:
            return False
        stored = await self._runs.of(run.tenant).get(run.id)
        return stored is not None and not stored.dry_run


def status_after(connection: StoredConnection, outcome: RunStatus) -> ConnectionStatus:
    """Return a connection's status behind a run that ended so. Who was set INACTIVE stays it, and a cancelled run
    says nothing of its connection."""
    if connection.status is ConnectionStatus.INACTIVE:
        return connection.status
    if outcome is RunStatus.FAILED:
        return ConnectionStatus.ERROR
    return ConnectionStatus.ACTIVE if outcome is RunStatus.SUCCEEDED else connection.status
