"""`edurelay.ingest`: one inbound webhook, keyed by the connection's id. The value is the raw body, untouched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edurelay.events.envelope import HeaderList
from edurelay.messages.base import MalformedMessage


class WebhookProfile(StrEnum):
    """How an inbound webhook proves where it comes from; `NONE` proves nothing but that its sender knows the address.
    The gateway's `ingest/profiles.py` says what each of them takes."""

    NONE = "none"
    STANDARD = "standard"
    HUBSPOT_V3 = "hubspot_v3"
    HUBSPOT_V2 = "hubspot_v2"
    HUBSPOT_V1 = "hubspot_v1"
    ZENDESK = "zendesk"
    CHATWOOT = "chatwoot"
    RDSTATION = "rdstation"
    SLACK = "slack"
    HUB256 = "hub256"
    STRIPE = "stripe"
    SHOPIFY = "shopify"
    SECRET = "secret"  # noqa: S105 - a profile's name


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """What was received: `headers` are the request's own, lower-case; `id` is the key that dedupes it.

    `verified` says that the webhook was proven by `profile`. What was written before there were profiles counts as
    not verified.
    """

    id: str
    tenant: str
    connection_id: str
    received_at: str
    headers: dict[str, str]
    body: bytes
    profile: str = WebhookProfile.NONE
    verified: bool = False

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers: our own attributes, then each request header behind `http-`."""
        own = [
            ("id", self.id.encode()),
            ("tenant", self.tenant.encode()),
            ("connection-id", self.connection_id.encode()),
            ("received-at", self.received_at.encode()),
            ("profile", self.profile.encode()),
            ("verified", b"true" if self.verified else b"none"),
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
                profile=found.get("profile", WebhookProfile.NONE.value),
                verified=found.get("verified") == "true",
            )
        except KeyError as error:
            raise MalformedMessage(f"the inbound webhook lacks {error}") from error
