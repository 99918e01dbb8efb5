"""The use cases of connections: make, show, change, delete."""

from __future__ import annotations

from typing import Any, Protocol

from edurelay.events.envelope import now
from edurelay.events.ids import new_uuid
from edurelay_gateway.connections.announcement import cancellation
from edurelay_gateway.connections.models import ConnectionChange, ConnectionCreate, StoredConnection
from edurelay_gateway.connections.secrets import ConnectionSecrets, hash_of, new_webhook_secret
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.errors import ChangedMeanwhile, Missing
from edurelay_gateway.publication import Publication

#: How often a change is tried again because somebody else changed the same connection meanwhile.
ATTEMPTS = 8


class Connectors(Protocol):
    """Who knows the connectors."""

    async def validate(self, provider: str, config: dict[str, Any], credentials: dict[str, Any]) -> None:
        """Check a configuration. Raises `UnknownProvider`, `InvalidConnection`."""

    async def check_streams(self, provider: str, streams: list[str]) -> None:
        """Check the names of streams, where the provider declares its own. Raises `UnknownStream`."""


class Connections:
    """Makes, shows, changes and deletes connections, and sees to it that the runners hear of it."""

    def __init__(
        self,
        store: ConnectionStore,
        publication: Publication,
        secrets: ConnectionSecrets,
        connectors: Connectors,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._publication = publication
        self._secrets = secrets
        self._connectors = connectors
        self._public_url = public_url.rstrip("/")

    async def create(self, tenant: str, wanted: ConnectionCreate) -> tuple[StoredConnection, str]:
        """Make a connection; return it with the address for its webhooks. Raises `UnknownProvider`, `UnknownStream`,
        `InvalidConnection`."""
        await self._connectors.validate(wanted.provider, wanted.config, wanted.credentials)
        if wanted.streams is not None:
            await self._connectors.check_streams(wanted.provider, wanted.streams)
        connection_id, secret, moment = new_uuid(), new_webhook_secret(), now()
        connection = StoredConnection(
            id=connection_id,
            tenant=tenant,
            provider=wanted.provider,
            name=wanted.name or wanted.provider,
            config=wanted.config,
            credentials=self._secrets.seal_credentials(tenant, connection_id, wanted.credentials),
            streams=wanted.streams,
            status=wanted.status,
            version=1,
            webhook_secret=self._secrets.seal_webhook_secret(tenant, connection_id, secret),
            webhook_hash=hash_of(secret),
            created_at=moment,
            updated_at=moment,
            unsent=[connection_id],
        )
        await self._store.of(tenant).insert(connection)
        return await self._told(connection), self._address(connection_id, secret)

    async def get(self, tenant: str, connection_id: str) -> StoredConnection:
        """Return a connection. Raises `Missing`."""
        found = await self._store.of(tenant).get(connection_id)
        if found is None:
            raise Missing("connection")
        return found

    async def page(
        self, tenant: str, *, provider: str | None = None, limit: int, after: str | None = None
    ) -> list[StoredConnection]:
        """Return some connections, the newest first."""
        return await self._store.of(tenant).page(provider=provider, limit=limit, after=after)

    async def webhook_url(self, tenant: str, connection_id: str) -> str:
        """Return the address for a connection's webhooks. Raises `Missing`."""
        connection = await self.get(tenant, connection_id)
        secret = self._secrets.webhook_secret(tenant, connection_id, connection.webhook_secret)
        return self._address(connection_id, secret)

    async def change(self, tenant: str, connection_id: str, wanted: ConnectionChange) -> StoredConnection:
        """Change what `wanted` sets. Raises `Missing`, `UnknownStream`, `InvalidConnection`, `ChangedMeanwhile`."""
        given = wanted.model_dump(include=wanted.model_fields_set)
        for _ in range(ATTEMPTS):
            seen = await self.get(tenant, connection_id)
            if not given:
                return seen
            changes = await self._checked(seen, given)
            changed = await self._store.of(tenant).change(seen, changes)
            if changed is not None:
                return await self._told(changed)
        raise ChangedMeanwhile("connection")

    async def delete(self, tenant: str, connection_id: str) -> None:
        """Delete a connection, and cancel its run. What was mapped through it stays. Raises `Missing`."""
        for _ in range(ATTEMPTS):
            seen = await self.get(tenant, connection_id)
            gone = {"deleted_at": now(), "credentials": None, "webhook_secret": "", "webhook_hash": ""}
            further = [cancellation(seen, seen.active_run)] if seen.active_run else []
            if await self._store.of(tenant).change(seen, gone, further) is not None:
                await self._publication.flush(connection_id)
                return
        raise ChangedMeanwhile("connection")

    async def _checked(self, seen: StoredConnection, given: dict[str, Any]) -> dict[str, Any]:
        """Return the fields to write. Config and credentials are checked together, whichever of them changes."""
        changes = dict(given)
        if "config" in given or "credentials" in given:
            config = given.get("config", seen.config)
            credentials = given.get("credentials")
            if credentials is None:
                credentials = self._secrets.credentials(seen.tenant, seen.id, seen.credentials)
            await self._connectors.validate(seen.provider, config, credentials)
            changes["credentials"] = self._secrets.seal_credentials(seen.tenant, seen.id, credentials)
        if given.get("streams") is not None:
            await self._connectors.check_streams(seen.provider, given["streams"])
        return changes

    async def _told(self, connection: StoredConnection) -> StoredConnection:
        in_force = await self._publication.flush(connection.id)
        return connection.model_copy(update={"unsent": []}) if in_force else connection

    def _address(self, connection_id: str, secret: str) -> str:
        return f"{self._public_url}/in/{connection_id}/{secret}"
