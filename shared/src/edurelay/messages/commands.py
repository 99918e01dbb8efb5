"""`edurelay.commands`: what the gateway asks a connector runner to do, keyed by the connection's id."""

from __future__ import annotations

from enum import StrEnum

from edurelay.messages.base import InternalMessage


class CommandKind(StrEnum):
    """What is to be done. `REPROCESS` runs the rejected records of an earlier run through the connector again."""

    SYNC = "sync"
    TEST = "test"
    REPROCESS = "reprocess"
    EXPORT = "export"
    CANCEL = "cancel"


class Command(InternalMessage):
    """One request. `run_id` names the run that it starts, or with `CANCEL` the run that it ends.

    `streams` limits a run to some streams, in the connector's own names; `entity_types` to what some kinds of
    entity come from; `source_run_id` is the run whose rejected records are meant. `connection_version` is the
    state of the connection that the command was meant for: a runner that has not seen it yet waits.
    """

    kind: CommandKind
    run_id: str
    tenant: str
    connection_id: str
    connection_version: int
    requested_at: str
    streams: list[str] | None = None
    entity_types: list[str] | None = None
    full: bool = False
    dry_run: bool = False
    source_run_id: str | None = None
