"""The use cases of connections: make, show, change, rotate what protects their webhooks, delete."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from edurelay.events.envelope import now, unix_timestamp
from edurelay.events.ids import new_uuid
from edurelay_gateway.connections.announcement import cancellation
from edurelay_gateway.connections.models import (
    ConnectionChange,
    ConnectionCreate,
    FormerAddress,
    StoredConnection,
    WebhookAddress,
)
from edurelay_gateway.connections.secrets import ConnectionSecrets, hash_of, new_webhook_secret
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.connections.webhooks import WebhookRules, ending, webhook_path
from edurelay_gateway.errors import ChangedMeanwhile, Missing
from edurelay_gateway.publication import Publication

#: How often a change is tried again because somebody else changed the same connection meanwhile.
ATTEMPTS = 8

#: What is left of the secrets by which webhooks came in once a connection is deleted.
_NO_WEBHOOKS: dict[str, Any] = {"webhook_secret": "", "webhook_hash": "", "former_addresses": [], "webhook": None}


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
        webhooks: WebhookRules,
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._publication = publication
        self._secrets = secrets
        self._connectors = connectors
        self._webhooks = webhooks
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    async def create(self, tenant: str, wanted: ConnectionCreate) -> tuple[StoredConnection, str]:
        """Make a connection; return it with the address for its webhooks. Raises `UnknownProvider`, `UnknownStream`,
        `InvalidConnection`, `InvalidWebhook`."""
        await self._connectors.validate(wanted.provider, wanted.config, wanted.credentials)
        if wanted.streams is not None:
            await self._connectors.check_streams(wanted.provider, wanted.streams)
        connection_id, secret, moment = new_uuid(), new_webhook_secret(), now()
        webhook = None
        if wanted.webhook is not None:
            webhook = await self._webhooks.decide(tenant, connection_id, wanted.provider, wanted.webhook, None)
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
            webhook=webhook,
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

    async def webhook_address(self, tenant: str, connection_id: str) -> WebhookAddress:
        """Return where a connection's webhooks come in. Raises `Missing`."""
        return self._shown(await self.get(tenant, connection_id))

    async def change(self, tenant: str, connection_id: str, wanted: ConnectionChange) -> StoredConnection:
        """Change what `wanted` sets. Raises `Missing`, `UnknownStream`, `InvalidConnection`, `InvalidWebhook`,
        `ChangedMeanwhile`."""
        if not wanted.model_fields_set:
            return await self.get(tenant, connection_id)
        return await self._change(tenant, connection_id, lambda seen: self._checked(seen, wanted))

    async def rotate_webhook_secret(
        self, tenant: str, connection_id: str, secret: str, overlap: float
    ) -> StoredConnection:
        """Take webhooks signed with `secret`; what was there before goes on being taken for `overlap` seconds. Raises
        `Missing`, `InvalidWebhook`, `TooManySecrets`, `ChangedMeanwhile`."""
        moment = self._clock()

        async def decide(seen: StoredConnection) -> dict[str, Any]:
            return {"webhook": self._webhooks.rotated(seen, secret, now=moment, overlap=overlap)}

        return await self._change(tenant, connection_id, decide)

    async def rotate_webhook_address(self, tenant: str, connection_id: str, overlap: float) -> WebhookAddress:
        """Replace the address; the present one goes on being taken for `overlap` seconds. Raises `Missing`,
        `TooManySecrets`, `ChangedMeanwhile`."""
        secret, moment = new_webhook_secret(), self._clock()

        async def decide(seen: StoredConnection) -> dict[str, Any]:
            present = FormerAddress(hash=seen.webhook_hash)
            return {
                "webhook_secret": self._secrets.seal_webhook_secret(tenant, connection_id, secret),
                "webhook_hash": hash_of(secret),
                "former_addresses": ending([present, *seen.former_addresses], now=moment, overlap=overlap),
            }

        return self._shown(await self._change(tenant, connection_id, decide))

    async def delete(self, tenant: str, connection_id: str) -> None:
        """Delete a connection, and cancel its run. What was mapped through it stays. Raises `Missing`."""
        for _ in range(ATTEMPTS):
            seen = await self.get(tenant, connection_id)
            # With its run: one that claims it meanwhile makes this be seen as it is then, and is cancelled too.
            gone = {"deleted_at": now(), "credentials": None, "active_run": None, **_NO_WEBHOOKS}
            further = [cancellation(seen, seen.active_run)] if seen.active_run else []
            if await self._store.of(tenant).change(seen, gone, further) is not None:
                await self._publication.flush(connection_id)
                return
        raise ChangedMeanwhile("connection")

    async def _change(
        self, tenant: str, connection_id: str, decide: Callable[[StoredConnection], Awaitable[dict[str, Any]]]
    ) -> StoredConnection:
        for _ in range(ATTEMPTS):
            seen = await self.get(tenant, connection_id)
            changed = await self._store.of(tenant).change(seen, await decide(seen))
            if changed is not None:
                return await self._told(changed)
        raise ChangedMeanwhile("connection")

    async def _checked(self, seen: StoredConnection, wanted: ConnectionChange) -> dict[str, Any]:
        """Return the fields to write. Config and credentials are checked together, whichever of them changes."""
        given = wanted.model_dump(include=wanted.model_fields_set)
        changes = dict(given)
        if wanted.webhook is not None:
            changes["webhook"] = await self._webhooks.decide(
                seen.tenant, seen.id, seen.provider, wanted.webhook, seen.webhook
            )
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

    def _shown(self, connection: StoredConnection) -> WebhookAddress:
        secret = self._secrets.webhook_secret(connection.tenant, connection.id, connection.webhook_secret)
        moment = self._clock()
        return WebhookAddress(
            webhook_url=self._address(connection.id, secret),
            webhook=connection.webhook.view(moment) if connection.webhook is not None else None,
            former_until=[unix_timestamp(each.expires) for each in connection.former_addresses if each.live(moment)],
        )

    def _address(self, connection_id: str, secret: str) -> str:
        return self._public_url + webhook_path(connection_id, secret)
