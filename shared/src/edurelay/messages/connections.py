"""`edurelay.connections`: the state of each connection, keyed by its id; a tombstone is a deletion."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from edurelay.messages.base import InternalMessage


class ConnectionStatus(StrEnum):
    """Whether a connection may run; `ERROR` says that its last run or test failed."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    ERROR = "ERROR"


class Connection(InternalMessage):
    """A tenant's configured connector.

    `credentials` is sealed with the associated data `sealing_context(tenant, id)`; `version` grows with each
    change, so that a command can say which state it was meant for.
    """

    id: str
    tenant: str
    provider: str
    name: str
    config: dict[str, Any]
    credentials: str | None = None
    streams: list[str] | None = None
    status: ConnectionStatus = ConnectionStatus.ACTIVE
    version: int


def sealing_context(tenant: str, connection: str) -> str:
    """Return the associated data that binds sealed credentials to their connection."""
    return f"connection|{tenant}|{connection}|credentials"
