"""A deadline for many short waits at once.

`asyncio.timeout` sets a timer for each use, which costs as much as a tenth of a send. Here a wait costs one entry in
a dictionary, and one timer looks at all of them a few times a second while there are any.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

#: How much of the time may be missing at the end, so that it is never exceeded.
_GRAIN = 1 / 16


class Deadlines:
    """Deadlines of `seconds`, never later and at most a sixteenth earlier."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> Deadline:
        """Return a context manager that raises `TimeoutError` where its body takes longer."""
        return Deadline(self)

    def add(self, deadline: Deadline) -> float:
        """Watch `deadline` from now on, and return the moment when it is due."""
        self._open[deadline] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds * _GRAIN, self._sweep)
        return self._loop.time() + self.seconds * (1 - _GRAIN)

    def remove(self, deadline: Deadline) -> None:
        """Stop watching `deadline`."""
        del self._open[deadline]

    def _sweep(self) -> None:
        self._timer = None
        if not self._open:
            return
        now = self._loop.time()
        for deadline in self._open:
            if deadline.due <= now:
                deadline.expire()
        self._timer = self._loop.call_later(self.seconds * _GRAIN, self._sweep)


class Deadline:
    """One wait of the running task. It treats cancellation as `asyncio.timeout` does."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "due")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._expired = False

    def __enter__(self) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None, "a deadline needs a task that it can interrupt"
        self._task = task
        self._cancelling = task.cancelling()
        self.due = self._deadlines.add(self)

    def expire(self) -> None:
        """Interrupt the task, once."""
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        interrupted = self._expired and self._task.uncancel() <= self._cancelling
        if interrupted and kind is asyncio.CancelledError:
            raise TimeoutError(f"no answer within {self._deadlines.seconds:g} s") from error
