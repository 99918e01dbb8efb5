"""The life of a service: start in order, run until a signal or a failure, stop last-in-first-out within a budget."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import uvloop

from edurelay.runtime.lag import measure_lag
from edurelay.runtime.logging import configure_logging, get_logger
from edurelay.runtime.settings import ServiceSettings

T = TypeVar("T")

#: What a step of the stop still gets when the budget is used up, in seconds: enough to close a socket.
LAST_MOMENT = 0.5
#: How long one thread may keep the others waiting. The database driver has threads of its own, which take several turns
#: for each call; with Python's own 5 ms they would wait for the event loop longer than for the database.
SWITCH_SECONDS = 0.0005
#: How many heaps the C library keeps for the threads. By its own choice they are eight for each core, and what the
#: database driver's threads have given back stays in the one they had.
HEAPS = 2
_M_ARENA_MAX = -8

_log = get_logger(__name__)


class ServiceFailed(Exception):
    """The service cannot start or cannot go on; the message names the part, the cause is chained."""


class Lifetime:
    """What a service consists of, in the order in which it was started."""

    def __init__(self, drain_seconds: float = 20.0) -> None:
        #: Set by SIGTERM, by SIGINT and by the death of a background task.
        self.stopping = asyncio.Event()
        #: The first thing that went wrong, which is the cause of the others.
        self.failure: ServiceFailed | None = None
        self._drain_seconds = drain_seconds
        self._deadline = 0.0
        self._starting: asyncio.Task[Any] | None = None
        self._stack = AsyncExitStack()

    async def enter(self, name: str, thing: AbstractAsyncContextManager[T]) -> T:
        """Start `thing`, to be stopped in its turn. Raises `ServiceFailed` where it does not start."""
        try:
            value = await thing.__aenter__()
        except Exception as error:
            raise ServiceFailed(f"{name} did not start: {_reason(error)}") from error

        async def leave() -> None:
            await thing.__aexit__(None, None, None)

        self._stack.push_async_callback(self._stop_one, name, leave)
        return value

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the background for as long as the service lives; it is cancelled in its turn.

        Its end before the stop, by an error or by returning, stops the service with an error.
        """
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(self._on_end)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._stack.push_async_callback(self._stop_one, name, end)

    def check_running(self) -> None:
        """Raise while the service stops: a check for `Readiness`, so that no new work is sent here."""
        if self.stopping.is_set():
            raise ServiceFailed("the service is stopping")

    async def start(self, build: Callable[[Lifetime], Awaitable[None]]) -> None:
        """Build the service. A start that fails, or is broken off by `stop`, leaves `stopping` set."""
        task = self._starting = asyncio.current_task()
        try:
            await build(self)
        except asyncio.CancelledError:
            if task is None or not self.stopping.is_set():
                raise
            task.uncancel()
        except ServiceFailed as failure:
            self._fail(failure)
        except Exception as error:
            # Whatever else it was, the parts that did start have to be stopped.
            self._fail(ServiceFailed(f"the start failed: {_reason(error)}"), error)
        finally:
            self._starting = None

    def stop(self) -> None:
        """Begin the stop, also in the middle of the start."""
        self.stopping.set()
        starting, self._starting = self._starting, None
        if starting is not None and starting is not asyncio.current_task():
            starting.cancel()

    async def close(self) -> None:
        """Stop everything in reverse order; a part that fails to, or exceeds the budget, is kept as the failure."""
        self.stopping.set()
        self._deadline = asyncio.get_running_loop().time() + self._drain_seconds
        await self._stack.aclose()

    async def _stop_one(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(LAST_MOMENT, left)):
                await stop()
        except Exception as error:
            # One part that fails to stop must not keep the others from stopping.
            self._fail(ServiceFailed(f"{name} did not stop: {_reason(error)}"), error)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(ServiceFailed(f"the background task {task.get_name()} failed: {_reason(error)}"), error)
        elif not self.stopping.is_set():
            self._fail(ServiceFailed(f"the background task {task.get_name()} ended before the service"))

    def _fail(self, failure: ServiceFailed, cause: BaseException | None = None) -> None:
        failure.__cause__ = cause or failure.__cause__
        if self.failure is None:
            self.failure = failure
        else:
            _log.warning("also failed", reason=str(failure))
        self.stop()


def run_service(name: str, settings: ServiceSettings, build: Callable[[Lifetime], Awaitable[None]]) -> int:
    """Build the service, run it until it is told to stop, and return the exit code: 0 for a clean stop.

    A second signal ends the process at once.
    """
    configure_logging(name, settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.suppress(AttributeError):  # Another C library than GNU's has no such choice.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)
    _log.info("starting", settings=settings.masked())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        failure = runner.run(_live(Lifetime(settings.drain_seconds), build))
    if failure is None:
        _log.info("stopped")
        return 0
    _log.error("failed", reason=str(failure), exc_info=failure.__cause__)
    return 1


async def _live(lifetime: Lifetime, build: Callable[[Lifetime], Awaitable[None]]) -> ServiceFailed | None:
    """Start, wait and stop in one task, so that context managers are left where they were entered."""

    told = False

    def on_signal(number: int) -> None:
        nonlocal told
        name = signal.Signals(number).name
        if told:
            _log.error("told to stop again, exiting at once", signal=name)
            os._exit(128 + number)
        told = True
        _log.info("stopping", signal=name)
        lifetime.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    lifetime.spawn("event loop lag", measure_lag())
    await lifetime.start(build)
    if not lifetime.stopping.is_set():
        # What exists now lives as long as the process: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        _log.info("started")
        await lifetime.stopping.wait()
    await lifetime.close()
    return lifetime.failure


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "it took too long"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
