"""Which streams a run reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edurelay.messages.commands import Command
from edurelay.messages.connections import Connection
from edurelay_connector_runner.sdk import ConfigurationError, Stream

#: Why a stream fails that a run was to read, and that a change of the connection has taken away since.
GONE = "the connection has this stream no longer"


def selected(streams: Sequence[Stream], command: Command, connection: Connection) -> list[Stream]:
    """Return the streams that the command asks for, or else the connection, or else all of them; each behind those
    that it depends on. Raises `ConfigurationError` for one that does not exist, and where none is left."""
    named = command.streams if command.streams is not None else connection.streams
    known = {stream.name for stream in streams}
    if named is not None and (unknown := sorted(set(named) - known)):
        raise ConfigurationError(f"there is no stream {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    chosen = [
        stream
        for stream in streams
        if (named is None or stream.name in named)
        and (command.entity_types is None or stream.entity_type.value in command.entity_types)
    ]
    if not chosen:
        raise ConfigurationError("the connection has no stream for what was asked for")
    return ordered(chosen)


def ordered(streams: Sequence[Stream]) -> list[Stream]:
    """Return streams in the order given, except that each comes behind those that it depends on. A dependency that
    is not among them is taken as met. Raises `ConfigurationError` for a circle."""
    waiting = list(streams)
    done: list[Stream] = []
    while waiting:
        names = {stream.name for stream in waiting}
        ready = next((stream for stream in waiting if not names & set(stream.depends_on) - {stream.name}), None)
        if ready is None:
            raise ConfigurationError(f"the streams {', '.join(sorted(names))} depend on each other in a circle")
        waiting.remove(ready)
        done.append(ready)
    return done
