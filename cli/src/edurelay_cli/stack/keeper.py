"""Keeps processes alive: what dies by itself is started again, as Kubernetes would."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from edurelay_cli.embedded.process import Process

#: A process that lives shorter than this, in seconds, is started again only after a growing pause.
SHORT_LIFE = 5.0
LONGEST_PAUSE = 5.0


class Keeper:
    """Watches one process. `changed` is called after each restart, when the process has a new id."""

    def __init__(self, process: Process, changed: Callable[[], None]) -> None:
        self.process = process
        self.restarts = 0
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and watch it."""
        await self.process.start()
        self.watch()

    def watch(self) -> None:
        """Watch a process that somebody else has started."""
        self._task = asyncio.create_task(self._watch(), name=f"keeper of {self.process.name}")

    async def stop(self, seconds: float) -> None:
        """Stop watching, then end the process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.process.stop(seconds)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.1
        while True:
            born = loop.time()
            code = await self.process.wait()
            pause = 0.1 if loop.time() - born > SHORT_LIFE else min(pause * 2, LONGEST_PAUSE)
            print(
                f"{self.process.name} ended with code {code}; starting it again (its log: {self.process.log})",
                file=sys.stderr,
                flush=True,
            )
            await asyncio.sleep(pause)
            await self.process.start()
            self.restarts += 1
            self._changed()
