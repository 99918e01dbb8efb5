"""Waiting for the end of a run: every replica tails `edurelay.runs`, and wakes who waits for what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from edurelay.kafka.consumer import Received
from edurelay.messages.base import MalformedMessage
from edurelay.messages.runs import Run


class Watch:
    """Sees one run's end. It has to be there before the run is ordered, so that a quick end is not missed."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._end: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        self._stopping = stopping

    @property
    def stopping(self) -> bool:
        """True once the service stops, and waiting makes no sense any more."""
        return self._stopping.is_set()

    def see(self, run: Run) -> None:
        """Take note of the run's end."""
        if not self._end.done():
            self._end.set_result(run)

    async def end(self, seconds: float) -> Run | None:
        """Wait for the end; None where it does not come within `seconds`, or the service stops before."""
        if self._stopping.is_set():
            return self._end.result() if self._end.done() else None
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((self._end, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        return self._end.result() if self._end.done() else None


class RunWaiters:
    """Who waits for which run, in this process. Nobody waits on once `stopping` is set."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._watches: dict[str, list[Watch]] = {}

    @contextmanager
    def watch(self, run_id: str) -> Iterator[Watch]:
        """Watch a run for as long as the context is open."""
        watch = Watch(self._stopping)
        watches = self._watches.setdefault(run_id, [])
        watches.append(watch)
        try:
            yield watch
        finally:
            watches.remove(watch)
            if not watches and self._watches.get(run_id) is watches:
                del self._watches[run_id]

    def receive(self, received: Received) -> None:
        """Look at one message of the topic."""
        watches = self._watches.get(received.key.decode("utf-8", "replace"))
        if not watches or received.value is None:
            return
        try:
            run = Run.decode(received.value)
        except MalformedMessage:
            return  # The consumer that projects the topic puts it into the dead-letter topic.
        if run.status.terminal:
            for watch in watches:
                watch.see(run)
