"""Where connections are kept. Each change is one write that also carries what has to be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edurelay.events.envelope import Message, now
from edurelay.messages.connections import ConnectionStatus
from edurelay.mongo import CollectionSpec, Database
from edurelay.mongo.outbox import UNSENT_INDEX, pending
from edurelay_gateway.connections.announcement import announcement
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.publication import DELETED_INDEX, carrying
from edurelay_gateway.tenancy import PAGE_INDEX, TenantCollection

CONNECTIONS = CollectionSpec("connections", (PAGE_INDEX, UNSENT_INDEX, DELETED_INDEX))

LIVE = {"deleted_at": None}


class ConnectionStore:
    """All connections; `of` opens the part of one tenant."""

    def __init__(self, database: Database) -> None:
        self.collection = database[CONNECTIONS]

    def of(self, tenant: str) -> TenantConnections:
        """Return the connections of one tenant."""
        return TenantConnections(TenantCollection(self.collection, tenant))

    async def find_addressed(self, connection_id: str) -> StoredConnection | None:
        """Return the connection that an inbound webhook names. The sender has no tenant: its secret has to prove
        that it may."""
        found = await self.collection.find_one({"_id": connection_id, **LIVE}, {"unsent": False})
        return StoredConnection.model_validate(found) if found is not None else None


class TenantConnections:
    """The connections of one tenant. A change is made only if nobody changed the connection since it was read."""

    def __init__(self, documents: TenantCollection) -> None:
        self._documents = documents

    async def get(self, connection_id: str) -> StoredConnection | None:
        """Return a connection that is not deleted."""
        found = await self._documents.find(connection_id, LIVE)
        return StoredConnection.model_validate(found) if found is not None else None

    async def page(self, *, provider: str | None, limit: int, after: str | None) -> list[StoredConnection]:
        """Return up to `limit` connections, the newest first."""
        filters: dict[str, Any] = {**LIVE} if provider is None else {**LIVE, "provider": provider}
        found = await self._documents.page(filters, limit=limit, after=after)
        return [StoredConnection.model_validate(document) for document in found]

    async def insert(self, connection: StoredConnection) -> None:
        """Insert a new connection, which carries its announcement."""
        await self._documents.insert({**connection.to_document(), "unsent": pending(announcement(connection))})

    async def change(
        self, seen: StoredConnection, changes: dict[str, Any], further: Sequence[Message] = ()
    ) -> StoredConnection | None:
        """Change a connection as it was `seen`, under the next version; it carries its announcement and `further`
        messages. Returns None where it is not as it was seen any more."""
        changed = seen.model_copy(update={**changes, "version": seen.version + 1, "updated_at": now()})
        document = changed.to_document()
        fields = {name: document[name] for name in (*changes, "version", "updated_at")}
        # A run may be claimed or ended without a new version; who changes that has to see it as it is.
        guard = {"active_run": seen.active_run} if "active_run" in changes else None
        return await self._update(seen, {"$set": fields, **carrying([announcement(changed), *further])}, guard)

    async def claim(self, seen: StoredConnection, run_id: str, command: Message) -> StoredConnection | None:
        """Give the connection to a run, if it is as it was `seen` and has none; it carries the run's command."""
        guard = {"active_run": None, "status": {"$ne": ConnectionStatus.INACTIVE.value}}
        return await self._update(seen, {"$set": {"active_run": run_id}, **carrying([command])}, guard)

    async def tell(self, connection_id: str, message: Message) -> bool:
        """Let a connection carry a message; tell whether there is such a connection."""
        return await self._documents.update(connection_id, carrying([message]), LIVE)

    async def release(self, seen: StoredConnection, changes: dict[str, Any]) -> StoredConnection | None:
        """Take the connection back from its run, changing nothing that the runners know of."""
        return await self._update(seen, {"$set": {**changes, "active_run": None}}, {"active_run": seen.active_run})

    async def _update(
        self, seen: StoredConnection, update: dict[str, Any], guard: dict[str, Any] | None = None
    ) -> StoredConnection | None:
        as_seen = {"version": seen.version, **LIVE, **(guard or {})}
        if not await self._documents.update(seen.id, update, as_seen):
            return None
        found = await self._documents.find(seen.id)
        return StoredConnection.model_validate(found) if found is not None else None
