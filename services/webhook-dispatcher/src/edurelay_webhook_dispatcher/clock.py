"""The clock by which all dispatchers go: the database's.

Due times and leases are written by one dispatcher and read by another, and have to mean the same to both. So the wall
clock of a dispatcher's own host counts for nothing: one that is an hour off, or jumps by an hour, neither attempts
anything early nor leaves anything lying. Between two looks at the database's clock time goes on by the monotonic one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from edurelay_webhook_dispatcher.patience import until_done

#: How often the database is asked, in seconds.
PAUSE = 10.0


class SharedClock:
    """Unix time, by the host's clock until it was `set`."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the present Unix time in seconds."""
        return time.monotonic() + self._ahead

    def set(self, moment: float, asked: float, answered: float) -> None:
        """Go by `moment`, which it was somewhere between the monotonic moments `asked` and `answered`. Where that is no
        news the clock goes on as it is, so that it does not tremble with the network."""
        # It is told in whole milliseconds.
        if not asked - 0.001 <= moment - self._ahead <= answered:
            self._ahead = moment - (asked + answered) / 2


_clock = SharedClock()

#: The present Unix time in seconds. One for the whole process, as `time.time` is.
now = _clock.now


class Timekeeper:
    """Keeps the clock in step. `ask` returns the database's Unix time."""

    def __init__(self, ask: Callable[[], Awaitable[float]], clock: SharedClock = _clock) -> None:
        self._ask = ask
        self._clock = clock

    async def set(self) -> None:
        """Set the clock. Raises as `ask` does."""
        asked = time.monotonic()
        moment = await self._ask()
        self._clock.set(moment, asked, time.monotonic())

    async def run(self) -> None:
        """Set the clock from time to time, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            await until_done(self.set, lambda error: None)
