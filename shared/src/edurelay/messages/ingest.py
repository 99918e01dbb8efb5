"""`edurelay.ingest`: one inbound webhook, keyed by the connection's id. The value is the raw body, untouched."""

from __future__ import annotations

from dataclasses import dataclass

from edurelay.events.envelope import HeaderList
from edurelay.messages.base import MalformedMessage


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """What was received: `headers` are the request's own, lower-case; `id` is the key that dedupes it."""

    id: str
    tenant: str
    connection_id: str
    received_at: str
    headers: dict[str, str]
    body: bytes

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers: our own attributes, then each request header behind `http-`."""
        own = [
            ("id", self.id.encode()),
            ("tenant", self.tenant.encode()),
            ("connection-id", self.connection_id.encode()),
            ("received-at", self.received_at.encode()),
        ]
        return own + [(f"http-{name}", value.encode()) for name, value in self.headers.items()]

    @classmethod
    def from_message(cls, headers: HeaderList, value: bytes | None) -> InboundWebhook:
        """Read it back. Raises `MalformedMessage`."""
        found = {name: text.decode("utf-8", "replace") for name, text in headers}
        try:
            return cls(
                id=found["id"],
                tenant=found["tenant"],
                connection_id=found["connection-id"],
                received_at=found["received-at"],
                headers={name.removeprefix("http-"): text for name, text in found.items() if name.startswith("http-")},
                body=value or b"",
            )
        except KeyError as error:
            raise MalformedMessage(f"the inbound webhook lacks {error}") from error
