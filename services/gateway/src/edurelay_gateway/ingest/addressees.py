"""Whom a webhook is for, and whether it may come: the address's secret first, then what the connection asks for."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.ingest import WebhookProfile
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.connections.secrets import ConnectionSecrets, is_one_of
from edurelay_gateway.connections.webhooks import webhook_path
from edurelay_gateway.errors import ConnectionInactive, InvalidSignature, Missing, StoreSilent
from edurelay_gateway.ingest.profiles import PROFILES, Profile
from edurelay_gateway.ingest.verification import Key, Presented, Proven, Unproven, key_of, presented_headers, verify
from edurelay_gateway.memory import ShortMemory

#: How long a connection is remembered: so long a changed or deleted one may still be taken for what it was.
REMEMBER_SECONDS = 2.0

_CONNECTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Connections(Protocol):
    """Who finds a connection by its id alone."""

    async def find_addressed(self, connection_id: str) -> StoredConnection | None:
        """Return the connection that an inbound webhook names."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request as it came: `query` is what stood behind the question mark, byte for byte."""

    connection_id: str
    secret: str
    query: str
    headers: CIMultiDict[str] | CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Addressee:
    """A connection, and by what its webhooks are verified. `header` is where the secret itself is sent, if it is."""

    connection: StoredConnection
    profile: Profile = PROFILES[WebhookProfile.NONE]
    keys: tuple[Key, ...] = ()
    header: str = ""
    tolerance: int = 0


class Addressees:
    """Knows the connections by their addresses, and remembers them for a moment."""

    def __init__(
        self,
        connections: Connections,
        secrets: ConnectionSecrets,
        *,
        public_url: str,
        remember_seconds: float = REMEMBER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._known: ShortMemory[str, Addressee | None] = ShortMemory(self._load, seconds=remember_seconds)
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    async def find(self, inbound: Inbound, deadline: float) -> Addressee:
        """Return the addressee of a webhook. Raises `Missing` for a wrong secret as for no connection, at the same
        cost, `ConnectionInactive`, and `StoreSilent` at the `deadline` of the event loop's clock."""
        known = None
        if _CONNECTION_ID.fullmatch(inbound.connection_id):
            try:
                async with asyncio.timeout_at(deadline):
                    known = await self._known.get(inbound.connection_id)
            except TimeoutError:
                raise StoreSilent from None
        right = is_one_of(inbound.secret, known.connection.address_hashes(self._clock()) if known is not None else ())
        if known is None or not right:
            raise Missing("address")
        if known.connection.status is ConnectionStatus.INACTIVE:
            raise ConnectionInactive
        return known

    def prove(self, addressee: Addressee, inbound: Inbound) -> Proven:
        """Return what the request proves by the addressee's profile. Raises `InvalidSignature`.

        The address that providers sign is made from the setting and never from the request: behind a proxy that one
        shows another, and anybody can write into its `Host`.
        """
        url = self._public_url + webhook_path(inbound.connection_id, inbound.secret)
        presented = Presented(
            "POST",
            f"{url}?{inbound.query}" if inbound.query else url,
            presented_headers(inbound.headers.items()),
            inbound.body,
        )
        tolerance, now = addressee.tolerance, self._clock()
        try:
            return verify(addressee.profile, presented, addressee.keys, addressee.header, tolerance=tolerance, now=now)
        except Unproven as error:
            raise InvalidSignature(str(error)) from error

    async def _load(self, connection_id: str) -> Addressee | None:
        connection = await self._connections.find_addressed(connection_id)
        if connection is None:
            return None
        settings = connection.webhook
        if settings is None:
            return Addressee(connection)
        profile = PROFILES[settings.profile]
        tenant, unsealed = connection.tenant, self._secrets.signing_secret
        keys = tuple(key_of(profile, unsealed(tenant, connection_id, key.sealed), key.expires) for key in settings.keys)
        return Addressee(connection, profile, keys, settings.header or "", settings.tolerance_seconds)
