"""The command that the tests of a run begin with."""

from __future__ import annotations

from typing import Any

from edurelay.messages.commands import Command, CommandKind


def a_sync(**fields: Any) -> Command:
    """Return the command to sync a connection, with `fields` of its own."""
    plain: dict[str, Any] = {
        "kind": CommandKind.SYNC,
        "run_id": "run",
        "tenant": "t",
        "connection_id": "c",
        "connection_version": 1,
        "requested_at": "2026-01-01T00:00:00.000Z",
    }
    return Command(**plain | fields)
