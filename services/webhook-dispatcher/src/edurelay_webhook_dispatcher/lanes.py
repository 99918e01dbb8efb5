"""One lane for each endpoint: a window of attempts under way, and what waits for a place in it.

A lane keeps a slow receiver's work away from everybody else's. What is under way or waiting for longer than
`PATIENCE` is written down as pending, so that the log can go on without it; a lane that cannot keep up passes what
waits to the store, and until it has caught up, everything new as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiolimiter import AsyncLimiter

from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.work import Work

#: How long an attempt may take, in seconds, before the store gets to know its delivery as pending.
PATIENCE = 1.0
#: How much work may wait in memory, in seconds of what the lane does at its present pace.
HORIZON = 5.0
#: How quickly the pace follows what happens, as the weight of the newest second.
WEIGHT = 0.5


class Lane:
    """The lane of one endpoint. `attempt` makes one attempt with all that belongs to it and raises nothing;
    `hungry` is called when the lane is behind and could take more from the store."""

    def __init__(
        self, endpoint: Endpoint, attempt: Callable[[Endpoint, Work], Awaitable[None]], hungry: Callable[[], None]
    ) -> None:
        self._attempt = attempt
        self._hungry = hungry
        self.under_way: dict[Work, asyncio.Task[None]] = {}
        self.waiting: deque[Work] = deque()
        self.behind = False
        self._finished = 0
        #: Attempts a second, lately; None until the lane has been busy for a while.
        self._pace: float | None = None
        self.update(endpoint)

    def update(self, endpoint: Endpoint) -> None:
        """Take a changed endpoint over; attempts that are under way end as they began."""
        rate = endpoint.subscription.rate_per_second
        self.endpoint = endpoint
        self.window = endpoint.subscription.max_in_flight
        self._limiter = AsyncLimiter(max(1.0, rate), max(1.0, rate) / rate) if rate else None
        self._fill()

    @property
    def room(self) -> int:
        """How many deliveries the store may hand over: what can begin now, and what a second of work will use up."""
        return max(0, self.window + int(self._pace or 0) - len(self.under_way) - len(self.waiting))

    @property
    def idle(self) -> bool:
        """True where nothing is under way and nothing waits."""
        return not self.under_way and not self.waiting

    def offer(self, work: Work) -> None:
        """Begin with the work as soon as the window has a place for it."""
        if self.waiting or len(self.under_way) >= self.window:
            self.waiting.append(work)
        else:
            self._begin(work)

    def overdue(self, now: float) -> list[Work]:
        """Return what is under way for so long that the store should know of it."""
        return [work for work in self.under_way if not work.recorded and now - work.since > PATIENCE]

    def measure(self, seconds: float) -> None:
        """Take the pace of the last `seconds`; called regularly while the lane has work."""
        lately, self._finished = self._finished / seconds, 0
        if self._pace is None:
            self._pace = lately
        else:
            weight = min(1.0, WEIGHT * seconds)
            self._pace += (lately - self._pace) * weight

    def spill(self) -> list[Work]:
        """Take out what waits beyond what the lane can do soon, in the order in which it came."""
        if self._pace is None:
            return []
        keep = max(self.window, int(self._pace * HORIZON))
        spilled = [self.waiting.pop() for _ in range(len(self.waiting) - keep)]
        spilled.reverse()
        self.behind = self.behind or bool(spilled)
        return spilled

    def take_waiting(self) -> list[Work]:
        """Take out everything that waits, since the endpoint gets nothing for now."""
        waiting = list(self.waiting)
        self.waiting.clear()
        return waiting

    def _begin(self, work: Work) -> None:
        task = asyncio.create_task(self._run(work))
        self.under_way[work] = task

    async def _run(self, work: Work) -> None:
        try:
            if self._limiter is not None:
                await self._limiter.acquire()
            await self._attempt(self.endpoint, work)
        finally:
            del self.under_way[work]
            self._finished += 1
            self._fill()
            if self.behind and not self.waiting:
                self._hungry()

    def _fill(self) -> None:
        while self.waiting and len(self.under_way) < self.window:
            self._begin(self.waiting.popleft())
