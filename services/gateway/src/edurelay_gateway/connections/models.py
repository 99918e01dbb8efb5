"""Connections as callers send and see them, and as they are kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edurelay.messages.connections import ConnectionStatus
from edurelay.mongo import Document

ProviderName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
ConnectionName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
StreamNames = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=128)]], Field(min_length=1, max_length=200)
]
#: What callers may set; ERROR is for the outcome of runs.
SettableStatus = Literal[ConnectionStatus.ACTIVE, ConnectionStatus.INACTIVE]


class ConnectionCreate(BaseModel):
    """A new connection. What `config` and `credentials` hold is the provider's: see `GET /v1/providers`."""

    model_config = ConfigDict(extra="forbid")

    provider: ProviderName
    name: ConnectionName | None = Field(default=None, description="The provider's name where none is given.")
    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict, description="Sealed at once, and never shown again.")
    streams: StreamNames | None = Field(default=None, description="Only these streams; all where it is null.")
    status: SettableStatus = ConnectionStatus.ACTIVE


class ConnectionChange(BaseModel):
    """What is to be different; what is left out stays. `config` and `credentials` are replaced as a whole."""

    model_config = ConfigDict(extra="forbid")

    name: ConnectionName = ""
    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)
    streams: StreamNames | None = None
    status: SettableStatus = ConnectionStatus.ACTIVE


class ConnectionView(BaseModel):
    """A connection. `in_force` is false while its last change has not reached the runners yet."""

    id: str
    provider: str
    name: str
    config: dict[str, Any]
    streams: list[str] | None
    status: ConnectionStatus
    version: int
    active_run_id: str | None
    last_sync_at: str | None
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
    """Where the provider of a connection may send webhooks. Whoever knows the address may send some."""

    webhook_url: str


class ConnectionTest(BaseModel):
    """What a test of a connection found; `problems` are sentences that say what to do."""

    success: bool
    message: str
    problems: list[str] = []
    details: dict[str, Any] = {}
    run_id: str


class StoredConnection(BaseModel):
    """A connection as it is kept. `credentials` and `webhook_secret` are sealed; `webhook_hash` is what the secret
    of an inbound webhook is compared with; `unsent` is what Kafka does not have yet."""

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
    active_run: str | None = None
    last_sync_at: str | None = None
    created_at: str
    updated_at: str
    deleted_at: str | None = None
    unsent: list[Any] = []

    def to_document(self) -> Document:
        """Return the document that is kept; its unsent messages are the outbox's own matter."""
        return {**self.model_dump(mode="json", by_alias=True, exclude={"unsent", "config"}), "config": self.config}

    def view(self) -> ConnectionView:
        """Return what callers see."""
        return ConnectionView(
            **self.model_dump(include=ConnectionView.model_fields.keys() - {"active_run_id", "in_force"}),
            active_run_id=self.active_run,
            in_force=not self.unsent,
        )
