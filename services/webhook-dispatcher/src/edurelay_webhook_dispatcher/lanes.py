"""One lane for each endpoint: a window of attempts under way, and what waits for a place in it.

A lane keeps a slow receiver's work away from everybody else's. What is under way for longer than `PATIENCE` is written
down as pending, so that the log can go on without it; a lane that cannot keep up, be it that its tenant's share of
the places is used up, passes what waits to the store, and until it has caught up, everything new as well. What the
lane learns of its receiver, its window and its breaker, lasts for as long as this process does, and is learnt anew by
the next.

What the endpoint's rate does not allow yet waits like the rest: whatever is under way is with the receiver, or about to
be, and everything else can still be taken out, held back by the breaker, or sent to where the endpoint is by then.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable

from edurelay.runtime.metrics import ATTEMPTS_REFUSED
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.breaker import Breaker
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.rate import Rate
from edurelay_webhook_dispatcher.shares import Shares
from edurelay_webhook_dispatcher.window import Window
from edurelay_webhook_dispatcher.work import Work

#: How long an attempt may take, in seconds, before the store gets to know its delivery as pending.
PATIENCE = 1.0
#: An endpoint whose answers take longer than this, in seconds, is slow: little of its work waits in memory. For a quick
#: one it would cost more to pass the work through the store than to do it, unless some has waited for `LONGEST_WAIT`:
#: the log, which others are in as well, goes on only so far ahead of what waits. A wait for our own stores does not
#: count: when they are back they have enough to do.
SLOW = 0.5
LONGEST_WAIT = 10.0
#: How much of the work of a slow or rate-limited endpoint may wait in memory, in seconds of what it does at its pace.
HORIZON = 2.0
#: How much the newest answer counts in the mean.
WEIGHT = 0.1
#: For how long a delivery is left to the dispatcher that has it in hand, in seconds: so late does it come again if that
#: one dies. What is under way for longer is leased anew after `RENEWED`, which leaves time for a slow write.
LEASE = 13.0
RENEWED = 8.0
#: How many claimed deliveries a lane takes at most beyond its window, and how long they may wait in it, in seconds,
#: with nobody to renew their leases.
AHEAD = 100
CLAIM_SECONDS = 6.0


class Lane:
    """The lane of one endpoint. `attempt` makes one attempt with all that belongs to it and raises nothing; `hungry` is
    called when the lane is behind and could take more from the store, `recovered` when its breaker has closed, `freed`
    when it has given back one of the places that it has from `shares`; `longest_rest` bounds, in seconds, for how long
    the breaker opens."""

    def __init__(
        self,
        endpoint: Endpoint,
        attempt: Callable[[Endpoint, Work], Awaitable[Attempt]],
        hungry: Callable[[], None],
        recovered: Callable[[], None],
        freed: Callable[[], None],
        shares: Shares,
        longest_rest: float,
    ) -> None:
        self._attempt = attempt
        self._hungry = hungry
        self._recovered = recovered
        self._freed = freed
        self._shares = shares
        #: Since when (monotonic) it has been refused a place.
        self._refused_at: float | None = None
        self.under_way: dict[Work, asyncio.Task[None]] = {}
        self.waiting: deque[Work] = deque()
        self.behind = False
        #: When (monotonic) an attempt had to wait for the store last.
        self.held_up_at = -math.inf
        self.window = Window(endpoint.subscription.max_in_flight)
        self.breaker = Breaker(longest_rest)
        #: The mean time of an attempt, lately, in seconds.
        self._mean = 0.0
        self._rate: Rate | None = None
        #: Set while the next of what waits has to wait for the rate.
        self._alarm: asyncio.TimerHandle | None = None
        self.update(endpoint)

    def update(self, endpoint: Endpoint) -> None:
        """Take a changed endpoint over; attempts that are under way end as they began."""
        per_second = endpoint.subscription.rate_per_second
        self.endpoint = endpoint
        self.window.limit(endpoint.subscription.max_in_flight)
        if per_second != (self._rate.per_second if self._rate is not None else None):
            self._rate = Rate(per_second) if per_second else None
            self._stop_alarm()
        self.fill()

    @property
    def room(self) -> int:
        """How many claimed deliveries the lane can take."""
        now = time.monotonic()
        if self.breaker.open:
            return int(self.rests_until(clock.now()) is None and self._allowed(0.0, now) >= 1)
        if self._waits_for_a_place:
            return 0
        ahead = int(min(AHEAD, self._soon(now)))
        begun_soon = min(self.window.places + ahead - len(self.under_way), self._allowed(HORIZON, now))
        return max(0, int(begun_soon) - len(self.waiting))

    @property
    def idle(self) -> bool:
        """True where nothing is under way and nothing waits."""
        return not self.under_way and not self.waiting

    def rests_until(self, now: float) -> float | None:
        """Return until when (Unix time) the breaker lets nothing through; None where it does."""
        return self.breaker.rests_until(now, busy=not self.idle)

    @property
    def forgettable(self) -> bool:
        """True where nothing would be lost with the lane."""
        rested = self._rate is None or self._rate.rested(time.monotonic())
        learnt = not (self.breaker.idle and self.window.full and rested)
        return self.idle and not self.behind and not learnt and not self._waits_for_a_place

    def offer(self, work: Work) -> None:
        """Begin with the work as soon as the window has a place for it, the rate allows it, and the endpoint has one of
        its tenant's places."""
        full = self.waiting or len(self.under_way) >= self.window.places
        if full or self._too_early() or not self._take_place():
            self.waiting.append(work)
        else:
            self._begin(work)

    def fill(self, at_most: int | None = None) -> None:
        """Begin with what waits, as far as there are places; where there are more of them than may be taken at once,
        in turn with others. A lane that is behind says that it could take more."""
        begun = 0
        while self.waiting and len(self.under_way) < self.window.places and self._lets_through:
            if _stale(self.waiting[0]):
                self.waiting.popleft()
            elif self._too_early():
                break
            elif begun == at_most:
                self._shares.wait(self.endpoint.tenant, self.endpoint.id)
                break
            elif not self._take_place():
                break
            else:
                begun += 1
                self._begin(self.waiting.popleft())
        if self.behind and not self.waiting:
            self._hungry()

    def overdue(self, now: float) -> list[Work]:
        """Return what is under way for so long that the store should know of it, or that its lease is nearly over."""
        return [work for work in self.under_way if _overdue(work, now)]

    def spill(self, now: float) -> list[Work]:
        """Take out what waits beyond what can be done soon, in the order in which it came."""
        refused = self._refused_at is not None and now - self._refused_at > PATIENCE
        keep = 0 if refused else int(min(len(self.waiting), self._soon(now)))
        spilled = [self.waiting.pop() for _ in range(len(self.waiting) - keep)]
        spilled.reverse()
        self.behind = self.behind or bool(spilled)
        return spilled

    def take_waiting(self) -> list[Work]:
        """Take out everything that waits, since the endpoint gets nothing for now."""
        waiting = list(self.waiting)
        self.waiting.clear()
        self._stop_alarm()
        self._shares.forget(self.endpoint.tenant, self.endpoint.id)
        return waiting

    @property
    def _waits_for_a_place(self) -> bool:
        return self._shares.waits(self.endpoint.tenant, self.endpoint.id)

    @property
    def _lets_through(self) -> bool:
        """False while the breaker is open, but for a probe."""
        return not self.breaker.open or (
            not self.under_way and self.breaker.rests_until(clock.now(), busy=False) is None
        )

    def _soon(self, now: float) -> float:
        """How much the endpoint does within the horizon at its present pace: any number where it is quick."""
        oldest = max((now - (work.begun or now) for work in self.under_way), default=0.0)
        mean = max(self._mean, oldest)
        late = bool(self.waiting) and now - max(self.waiting[0].since, self.held_up_at) > LONGEST_WAIT
        pace = self.window.places / mean if mean > SLOW or (mean and late) else math.inf
        return min(pace * HORIZON, self._allowed(HORIZON, now))

    def _allowed(self, seconds: float, now: float) -> float:
        """How many attempts the rate lets begin in the next `seconds`: any number where there is none."""
        return self._rate.within(seconds, now) if self._rate is not None else math.inf

    def _too_early(self) -> bool:
        """True where the rate lets nothing begin yet; as soon as it does, `fill` is called."""
        if self._rate is None:
            return False
        wait = self._rate.wait(time.monotonic())
        if wait > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(wait, self._on_alarm)
        return wait > 0

    def _on_alarm(self) -> None:
        self._alarm = None
        self.fill()

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _take_place(self) -> bool:
        refusal = self._shares.take(self.endpoint.tenant, self.endpoint.id)
        if refusal is None:
            self._refused_at = None
            return True
        ATTEMPTS_REFUSED.of(refusal.value).inc()
        self._refused_at = self._refused_at or time.monotonic()
        return False

    def _begin(self, work: Work) -> None:
        if self._rate is not None:
            self._rate.take(time.monotonic())
        self.under_way[work] = asyncio.create_task(self._run(work))

    async def _run(self, work: Work) -> None:
        try:
            begun, probe = clock.now(), self.breaker.open
            self._learn(await self._attempt(self.endpoint, work), begun, probe=probe)
        finally:
            del self.under_way[work]
            self._shares.give_back(self.endpoint.tenant, self.endpoint.id)
            self._freed()
            self.fill()

    def _learn(self, attempt: Attempt, begun: float, *, probe: bool) -> None:
        now = clock.now()
        self._mean += (attempt.seconds - self._mean) * WEIGHT
        if attempt.succeeded:
            self.window.widen()
            was_open = self.breaker.open
            self.breaker.succeeded(now)
            if was_open:
                self._recovered()
            return
        if attempt.throttles:
            self.window.narrow(begun, now)
        self.breaker.failed(now, probe=probe)


def _stale(work: Work) -> bool:
    """True for a claim that is nearly over: the store gives the delivery out again."""
    return work.claimed and time.monotonic() - work.since > CLAIM_SECONDS


def _overdue(work: Work, now: float) -> bool:
    if work.leased is not None:
        return now - work.leased > RENEWED
    if work.recorded:
        return False
    # One that has yet to begin may wait for the store itself, which would only get more to do.
    return now - work.begun > PATIENCE if work.begun is not None else now - work.since > LONGEST_WAIT
