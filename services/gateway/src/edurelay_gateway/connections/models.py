"""Connections as callers send and see them, and as they are kept."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edurelay.events.envelope import unix_timestamp
from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.ingest import WebhookProfile
from edurelay.mongo import Document
from edurelay_gateway.ingest.naming import TRANSPORT

ProviderName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
ConnectionName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
StreamNames = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=128)]], Field(min_length=1, max_length=200)
]
#: What callers may set; ERROR is for the outcome of runs.
SettableStatus = Literal[ConnectionStatus.ACTIVE, ConnectionStatus.INACTIVE]

DAY = 86_400


def _checked_header(name: str) -> str:
    if name.lower() in TRANSPORT:
        raise ValueError("this header is HTTP's own")
    return name.lower()


HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"), AfterValidator(_checked_header)
]
WebhookSecret = Annotated[str, StringConstraints(min_length=8, max_length=1024)]


class WebhookSettings(BaseModel):
    """How the webhooks that a provider sends are verified, beside their address. In a change, what is left out stays
    as long as the profile does."""

    model_config = ConfigDict(extra="forbid")

    profile: WebhookProfile | None = Field(
        default=None, description="How the provider signs; the connector's own profile where it is null."
    )
    secrets: list[WebhookSecret] | None = Field(
        default=None,
        min_length=1,
        max_length=4,
        description="A webhook may be signed with any of them. Sealed at once, and never shown again.",
    )
    tolerance_seconds: int | None = Field(
        default=None, ge=10, le=DAY, description="How far a timestamp may be from now, either way; 300 unless given."
    )
    header: HeaderName | None = Field(
        default=None, description="Where the secret is sent, for the profiles that send it as it is."
    )


class ConnectionCreate(BaseModel):
    """A new connection. What `config` and `credentials` hold is the provider's: see `GET /v1/providers`."""

    model_config = ConfigDict(extra="forbid")

    provider: ProviderName
    name: ConnectionName | None = Field(default=None, description="The provider's name where none is given.")
    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict, description="Sealed at once, and never shown again.")
    streams: StreamNames | None = Field(default=None, description="Only these streams; all where it is null.")
    status: SettableStatus = ConnectionStatus.ACTIVE
    webhook: WebhookSettings | None = Field(
        default=None, description="How inbound webhooks are verified; by their address alone where it is null."
    )


class ConnectionChange(BaseModel):
    """What is to be different; what is left out stays. `config` and `credentials` are replaced as a whole."""

    model_config = ConfigDict(extra="forbid")

    name: ConnectionName = ""
    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)
    streams: StreamNames | None = None
    status: SettableStatus = ConnectionStatus.ACTIVE
    webhook: WebhookSettings | None = None


class WebhookSecretView(BaseModel):
    """A secret that webhooks may be signed with, without itself: until `expires_at`, or for good."""

    expires_at: str | None


class WebhookView(BaseModel):
    """How inbound webhooks are verified. The secrets are those that count now, the newest first."""

    profile: WebhookProfile
    tolerance_seconds: int
    header: str | None
    secrets: list[WebhookSecretView]


class ConnectionView(BaseModel):
    """A connection. `in_force` is false while its last change has not reached the runners yet; `webhook` is null where
    nothing but their address protects its webhooks."""

    id: str
    provider: str
    name: str
    config: dict[str, Any]
    streams: list[str] | None
    status: ConnectionStatus
    version: int
    active_run_id: str | None
    last_sync_at: str | None
    webhook: WebhookView | None
    in_force: bool
    created_at: str
    updated_at: str


class ConnectionCreated(ConnectionView):
    """A new connection with the address to which its provider may send webhooks."""

    webhook_url: str


class ConnectionPage(BaseModel):
    """Some connections, the newest first."""

    data: list[ConnectionView]
    next_cursor: str | None = None


class WebhookAddress(BaseModel):
    """Where the provider of a connection may send webhooks, and how they are verified. Without a `webhook`, whoever
    knows the address may send some. Former addresses go on being taken until `former_until`."""

    webhook_url: str
    webhook: WebhookView | None
    former_until: list[str]


class AddressRotation(BaseModel):
    """For how long the present address goes on being taken beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: int = Field(default=DAY, ge=0, le=7 * DAY)


class WebhookSecretRotation(AddressRotation):
    """The secret that the provider signs with from now on, and for how long the present ones go on being taken."""

    secret: WebhookSecret


class ConnectionTest(BaseModel):
    """What a test of a connection found; `problems` are sentences that say what to do."""

    success: bool
    message: str
    problems: list[str] = []
    details: dict[str, Any] = {}
    run_id: str


class Expiring(BaseModel):
    """What counts until the Unix second `expires`, or for good where that is 0."""

    model_config = ConfigDict(frozen=True)

    expires: float = 0.0

    def live(self, now: float) -> bool:
        """Tell whether it counts at the Unix time `now`."""
        return not self.expires or self.expires > now


class SealedKey(Expiring):
    """A sealed secret that webhooks are signed with."""

    sealed: str


class FormerAddress(Expiring):
    """The hash of a replaced address's secret."""

    hash: str


class StoredWebhook(BaseModel):
    """How inbound webhooks are verified, as it is kept; the newest key is the first."""

    model_config = ConfigDict(frozen=True)

    profile: WebhookProfile
    keys: list[SealedKey]
    tolerance_seconds: int
    header: str | None = None

    def view(self, now: float) -> WebhookView:
        """Return what callers see."""
        return WebhookView(
            **self.model_dump(exclude={"keys"}),
            secrets=[
                WebhookSecretView(expires_at=unix_timestamp(key.expires) if key.expires else None)
                for key in self.keys
                if key.live(now)
            ],
        )


class StoredConnection(BaseModel):
    """A connection as it is kept. `credentials` and `webhook_secret` are sealed; `webhook_hash` is what the secret
    of an inbound webhook's address is compared with; `unsent` is what Kafka does not have yet."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str = Field(alias="_id")
    tenant: str
    provider: str
    name: str
    config: dict[str, Any]
    credentials: str | None
    streams: list[str] | None
    status: ConnectionStatus
    version: int
    webhook_secret: str
    webhook_hash: str
    former_addresses: list[FormerAddress] = []
    webhook: StoredWebhook | None = None
    active_run: str | None = None
    last_sync_at: str | None = None
    created_at: str
    updated_at: str
    deleted_at: str | None = None
    unsent: list[Any] = []

    def to_document(self) -> Document:
        """Return the document that is kept; its unsent messages are the outbox's own matter."""
        return {**self.model_dump(mode="json", by_alias=True, exclude={"unsent", "config"}), "config": self.config}

    def address_hashes(self, now: float) -> list[str]:
        """Return what the secrets of the addresses that count at the Unix time `now` are compared with."""
        return [self.webhook_hash, *(former.hash for former in self.former_addresses if former.live(now))]

    def view(self) -> ConnectionView:
        """Return what callers see."""
        return ConnectionView(
            **self.model_dump(include=ConnectionView.model_fields.keys() - {"active_run_id", "in_force", "webhook"}),
            webhook=self.webhook.view(time.time()) if self.webhook is not None else None,
            active_run_id=self.active_run,
            in_force=not self.unsent,
        )
