"""Why the work on a run ends early, as errors, and waiting that gives way when the process is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from edurelay_connector_runner.runs.decision import SetAside

T = TypeVar("T")


class Interruption(Exception):
    """The work on a run ends here, and it is no failure of anybody's."""


class HandOver(Interruption):
    """This process stops; whoever claims the run next goes on from its last checkpoint."""


class Cancelled(Interruption):
    """Somebody cancelled the run."""


class Fenced(Interruption):
    """Another runner holds the connection now; nothing that was done here since may be written."""


class SettingAside(Interruption):
    """The run cannot go on for a while; `decision` says for how long and why."""

    def __init__(self, decision: SetAside) -> None:
        super().__init__(decision.reason)
        self.decision = decision


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns. Raises `HandOver`, and cancels `work`, once `stop` is set before it is done."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HandOver
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
