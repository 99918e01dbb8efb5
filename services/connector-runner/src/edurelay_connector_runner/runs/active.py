"""A run in the hands of this process: its state, and the only ways in which the work on it reaches the database."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import stamina

from edurelay.messages.runs import Run
from edurelay.mongo import StoreUnavailable
from edurelay_connector_runner.runs.interruption import Cancelled, HandOver, unless_stopped
from edurelay_connector_runner.runs.state import RunState

T = TypeVar("T")

#: Seconds between two messages that tell only of progress.
PROGRESS_EVERY = 0.5


class Saves(Protocol):
    """Where a held run is written; `RunStore` keeps the promises."""

    async def save(self, state: RunState, *, announce: bool, due_in: float | None = None) -> bool:
        """Write the run. Returns whether somebody has asked to cancel it. Raises `Fenced`."""


class ActiveRun:
    """One run, from being taken to being let go of."""

    def __init__(self, state: RunState, store: Saves, stop: asyncio.Event, *, cancelled: bool) -> None:
        self.state = state
        self.cancelled = cancelled
        self._store = store
        self._stop = stop
        self._clock = asyncio.get_running_loop().time
        self._announced = float("-inf")
        self._told: Run | None = None
        self._saving = asyncio.Lock()

    async def save(self, *, announce: bool = True, due_in: float | None = None) -> None:
        """Write the run, and tell everybody where `announce` says so. Waits for a database that is away for as long
        as the lease holds out. Raises `Fenced`."""
        async with self._saving:
            if announce:
                self._announced, self._told = self._clock(), self._shown()
            async for attempt in stamina.retry_context(
                on=StoreUnavailable, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    self.cancelled = await self._store.save(self.state, announce=announce, due_in=due_in)

    async def checkpoint(self) -> None:
        """Write how far the run has come; progress is told to everybody from time to time only."""
        self.state.starts = 0
        await self.save(announce=self._clock() - self._announced >= PROGRESS_EVERY)

    async def tell_progress(self) -> None:
        """Tell everybody what they have not been told yet, if there is anything."""
        if self._shown() != self._told:
            await self.save()

    def _shown(self) -> Run:
        return self.state.message().model_copy(update={"revision": 0})

    def go_on(self) -> None:
        """Raise `Cancelled` or `HandOver` where the work has to end at this boundary."""
        if self.cancelled:
            raise Cancelled
        if self._stop.is_set():
            raise HandOver

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns. Raises `HandOver` as soon as the process is asked to stop."""
        return await unless_stopped(self._stop, work)

    async def pause(self, seconds: float) -> None:
        """Wait. Raises `HandOver` as soon as the process is asked to stop."""
        await self.unless_stopped(asyncio.sleep(seconds))
