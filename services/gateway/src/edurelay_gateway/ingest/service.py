"""The use case of ingest: who knows a connection's secret address may send it webhooks, each kept once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Protocol

from edurelay.events.envelope import Message, now
from edurelay.events.ids import digest
from edurelay.events.topics import INGEST
from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.ingest import InboundWebhook
from edurelay_gateway.admission import Admission
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.connections.secrets import NOBODY, is_secret
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.errors import ConnectionInactive, Missing
from edurelay_gateway.memory import ShortMemory

#: How long a connection is remembered: so long a changed or deleted one may still be taken for what it was.
REMEMBER_SECONDS = 2.0

MAX_BODY = 1024 * 1024

#: Headers by which providers name a webhook, the same at each of their attempts. `x-request-id` comes last: proxies
#: set it as well, and then it differs from attempt to attempt.
ID_HEADERS = (
    "webhook-id",
    "svix-id",
    "x-github-delivery",
    "x-shopify-event-id",
    "x-shopify-webhook-id",
    "idempotency-key",
    "x-event-id",
    "x-request-id",
)

#: Headers that are not the provider's words about the webhook, or that hold somebody's credentials.
_DROPPED = frozenset(
    {
        "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip

_CONNECTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Log(Protocol):
    """The log that webhooks are written to."""

    async def send(self, message: Message) -> object:
        """Write one message. Raises `KafkaUnavailable`, `MessageTooLarge`."""


class Ingest:
    """Takes in webhooks."""

    def __init__(
        self,
        connections: ConnectionStore,
        log: Log,
        admission: Admission,
        *,
        remember_seconds: float = REMEMBER_SECONDS,
    ) -> None:
        self._known: ShortMemory[str, StoredConnection | None] = ShortMemory(
            connections.find_addressed, seconds=remember_seconds
        )
        self._log = log
        self._admission = admission

    async def addressee(self, connection_id: str, secret: str) -> StoredConnection:
        """Return the connection whose address this is. Raises `Missing` for a wrong secret as for no connection, at
        the same cost, and `ConnectionInactive`."""
        known = await self._known.get(connection_id) if _CONNECTION_ID.fullmatch(connection_id) else None
        right = is_secret(secret, known.webhook_hash if known is not None else NOBODY)
        if known is None or not right:
            raise Missing("address")
        if known.status is ConnectionStatus.INACTIVE:
            raise ConnectionInactive
        return known

    async def take(self, connection: StoredConnection, headers: Iterable[tuple[str, str]], body: bytes) -> str:
        """Write a webhook to the log; return the id under which it is known, the same for each repetition. Raises
        `KafkaUnavailable`, `MessageTooLarge`, `Overloaded`."""
        kept = kept_headers(headers)
        webhook = InboundWebhook(
            id=webhook_id(connection.id, kept, body),
            tenant=connection.tenant,
            connection_id=connection.id,
            received_at=now(),
            headers=kept,
            body=body,
        )
        message = Message(INGEST.name, connection.id.encode(), webhook.body, webhook.to_headers())
        with self._admission.admit(1, len(body)):
            await self._log.send(message)
        return webhook.id


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is kept of a request's headers: names in lower case, several of one name joined, bytes that are no
    UTF-8 replaced."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in _DROPPED:
            continue
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        kept[lowered] = f"{kept[lowered]}, {text}" if lowered in kept else text
    return kept


def webhook_id(connection_id: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the id of a webhook: of what the provider calls it, or of its body where the provider gives no name."""
    for name in ID_HEADERS:
        given = headers.get(name)
        if given:
            return "in_" + digest("webhook", connection_id, name, given).hex()
    return "in_" + digest("webhook", connection_id, "body", blake2b(body, digest_size=16).hexdigest()).hex()
