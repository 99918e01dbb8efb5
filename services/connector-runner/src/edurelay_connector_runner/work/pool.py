"""The workers: so many runs at once, each under the lease of its connection, in any number of processes.

A stop takes three steps: nothing more is claimed, each run comes to its next boundary and is handed over, and
whatever has not come that far within the budget is cut off. Its last checkpoint stands, and its lease is released.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from edurelay.mongo import StoreUnavailable
from edurelay.mongo.leases import Lease
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger
from edurelay_connector_runner.runs.active import ActiveRun, Saves
from edurelay_connector_runner.runs.interruption import Fenced
from edurelay_connector_runner.runs.store import Candidate, Taken
from edurelay_connector_runner.work.holding import LeaseLost, Renewals, hold

log = get_logger(__name__)

#: Seconds for which a connection is left alone that somebody else holds, or whose work has failed.
LEFT_ALONE = 1.0
#: Seconds that a lease's release may take before it is left to expire.
RELEASE_SECONDS = 2.0

_NOT_RELEASED: tuple[type[Exception], ...] = (TimeoutError, *StoreUnavailable)


class Queue(Saves, Protocol):
    """Where runs wait; `RunStore` keeps the promises."""

    async def candidates(self) -> list[Candidate]:
        """Return what may be claimed, in order."""

    async def take(self, run_id: str, epoch: int) -> Taken | None:
        """Bind a run to a lease."""


class LeaseBook(Renewals, Protocol):
    """The leases; each name is a connection's id."""

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Return a lease that nobody else holds, None where somebody does."""

    async def release(self, lease: Lease) -> None:
        """Let go of a lease."""


class Pool:
    """Claims runs and works on up to `workers` of them at once, and on as many tests beside them, for which somebody
    waits. Used as a context manager: leaving it drains."""

    def __init__(
        self,
        queue: Queue,
        leases: LeaseBook,
        execute: Callable[[ActiveRun], Awaitable[None]],
        ready: Callable[[Candidate], bool],
        *,
        stop: asyncio.Event,
        holder: str,
        workers: int,
        lease_seconds: float,
        drain_seconds: float,
        poll_seconds: float = 0.25,
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._execute = execute
        self._ready = ready
        self._holder = holder
        self._workers = workers
        self._lease_seconds = lease_seconds
        self._drain_seconds = drain_seconds
        self._poll_seconds = poll_seconds
        self._stop = stop
        self._wake = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._claiming: asyncio.Task[None] | None = None
        self._working: dict[str, asyncio.Task[None]] = {}
        self._busy = {True: 0, False: 0}
        self._left_alone: dict[str, float] = {}

    def wake(self) -> None:
        """Look for runs at once, because one was added here."""
        self._wake.set()

    async def run(self) -> None:
        """Return once the pool has stopped claiming. Raises whatever keeps it from claiming."""
        assert self._claiming is not None, "the pool was not entered"
        # A claim that is under way is not broken off: the lease that it just got would have to expire.
        await asyncio.shield(self._claiming)

    async def __aenter__(self) -> Self:
        self._claiming = asyncio.create_task(self._claim_on(), name="claim runs")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._wake.set()
        if self._claiming is not None:
            await asyncio.wait([self._claiming])
        if not (working := set(self._working.values())):
            return
        log.info("runs are handed over", runs=len(working))
        try:
            await asyncio.wait(working, timeout=self._drain_seconds)
        finally:
            for task in working:
                task.cancel()
            await asyncio.wait(working)

    async def _claim_on(self) -> None:
        while not self._stop.is_set():
            try:
                await self._claim()
            except StoreUnavailable as error:
                log.warning("no run could be claimed", reason=str(error))
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._wake.wait()

    async def _claim(self) -> None:
        if min(self._busy.values()) >= self._workers:
            return
        moment = self._clock()
        self._left_alone = {name: until for name, until in self._left_alone.items() if until > moment}
        for candidate in await self._queue.candidates():
            if self._stop.is_set():
                return
            connection = candidate.connection_id
            if self._busy[candidate.quick] >= self._workers:
                continue
            if connection in self._working or connection in self._left_alone or not self._ready(candidate):
                continue
            lease = await self._leases.acquire(connection, self._holder, self._lease_seconds)
            if lease is None:
                self._left_alone[connection] = moment + LEFT_ALONE
                continue
            task = asyncio.create_task(self._work(candidate.run_id, lease), name=f"run {candidate.run_id}")
            self._working[connection] = task
            self._busy[candidate.quick] += 1
            metrics.RUNS_ACTIVE.of().inc()
            task.add_done_callback(partial(self._ended, candidate))

    def _ended(self, candidate: Candidate, task: asyncio.Task[None]) -> None:
        connection = candidate.connection_id
        del self._working[connection]
        self._busy[candidate.quick] -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of our own; the run stays as it is, and is tried again a little later.
            log.error("a worker failed", connection_id=connection, exc_info=error)
            self._left_alone[connection] = self._clock() + LEFT_ALONE
        metrics.RUNS_ACTIVE.of().dec()
        self._wake.set()

    async def _work(self, run_id: str, lease: Lease) -> None:
        try:
            await hold(self._leases, lease, self._lease_seconds, self._take(run_id, lease))
        except (LeaseLost, Fenced) as error:
            log.warning("a run goes on elsewhere", run_id=run_id, reason=str(error))
        except StoreUnavailable as error:
            log.warning("a run could not be taken", run_id=run_id, reason=str(error))
        finally:
            await self._release(lease)

    async def _take(self, run_id: str, lease: Lease) -> None:
        taken = await self._queue.take(run_id, lease.epoch)
        if taken is not None:
            await self._execute(ActiveRun(taken.state, self._queue, self._stop, cancelled=taken.cancelled))

    async def _release(self, lease: Lease) -> None:
        """Let another runner go on at once; where that fails, the lease expires by itself."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._leases.release(lease)
        except _NOT_RELEASED:
            log.warning("a lease was left to expire", lease=lease.name)
