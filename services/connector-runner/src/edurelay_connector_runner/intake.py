"""Commands become runs: each is made durable, and the work on it happens elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edurelay.kafka.consumer import Received
from edurelay.messages.base import MalformedMessage
from edurelay.messages.commands import Command, CommandKind
from edurelay.runtime.logging import get_logger

log = get_logger(__name__)


class RunBook(Protocol):
    """Where commands are written down; `RunStore` keeps the promises."""

    async def add(self, command: Command, traceparent: str | None) -> bool:
        """Make a run durable. Returns False where it is there already."""

    async def request_cancel(self, run_id: str) -> None:
        """Ask for the end of a run."""


class Intake:
    """Takes the messages of `edurelay.commands`, one at a time for each connection."""

    def __init__(self, runs: RunBook, added: Callable[[], None]) -> None:
        self._runs = runs
        self._added = added

    async def process(self, received: Received) -> None:
        """Make one command durable. Raises `MalformedMessage` for something else."""
        if received.value is None:
            raise MalformedMessage("a command has no value")
        command = Command.decode(received.value)
        if command.kind is CommandKind.CANCEL:
            await self._runs.request_cancel(command.run_id)
        else:
            new = await self._runs.add(command, _traceparent(received))
            log.info("a command", run_id=command.run_id, kind=command.kind.value, new=new)
        self._added()


def _traceparent(received: Received) -> str | None:
    return next((value.decode("ascii", "replace") for name, value in received.headers if name == "traceparent"), None)
