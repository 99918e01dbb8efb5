"""What the runners are told of a connection."""

from __future__ import annotations

from edurelay.events.envelope import Message, now
from edurelay.events.topics import COMMANDS, CONNECTIONS
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.connections import Connection
from edurelay.mongo import Document
from edurelay.runtime.tracing import current_traceparent
from edurelay_gateway.connections.models import StoredConnection


def announcement(connection: StoredConnection) -> Message:
    """Return the message of a connection's present state: a tombstone once it is deleted."""
    key = connection.id.encode()
    if connection.deleted_at is not None:
        return Message(CONNECTIONS.name, key, None, _headers())
    state = Connection(
        id=connection.id,
        tenant=connection.tenant,
        provider=connection.provider,
        name=connection.name,
        config=connection.config,
        credentials=connection.credentials,
        streams=connection.streams,
        status=connection.status,
        version=connection.version,
    )
    return Message(CONNECTIONS.name, key, state.encode(), _headers())


def announcement_of(document: Document) -> Message:
    """Return the same for a document."""
    return announcement(StoredConnection.model_validate(document))


def command_message(command: Command) -> Message:
    """Return a command on its way to the runners."""
    return Message(COMMANDS.name, command.connection_id.encode(), command.encode(), _headers())


def cancellation(connection: StoredConnection, run_id: str) -> Message:
    """Return the command that ends a run of this connection."""
    return command_message(
        Command(
            kind=CommandKind.CANCEL,
            run_id=run_id,
            tenant=connection.tenant,
            connection_id=connection.id,
            connection_version=connection.version,
            requested_at=now(),
        )
    )


def _headers() -> tuple[tuple[str, bytes], ...]:
    traceparent = current_traceparent()
    return (("traceparent", traceparent.encode()),) if traceparent is not None else ()
