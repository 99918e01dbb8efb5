"""Carries deliveries: gives each to its endpoint's lane, makes the attempts, and says what came of them."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import (
    ATTEMPTS_UNDER_WAY,
    DELIVERY_ATTEMPTS,
    DELIVERY_SECONDS,
    OPEN_BREAKERS,
    WINDOW_FULL,
)
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.chains import attempts_at_most, parks
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.health import Health
from edurelay_webhook_dispatcher.lanes import Lane
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.retries import Delivered, GiveUp, Retry, decide
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.settings import MAX_ATTEMPTS
from edurelay_webhook_dispatcher.shares import Shares
from edurelay_webhook_dispatcher.work import State, Work

#: How often the lanes are looked through for work that takes too long, in seconds.
SWEEP = 0.5

_log = get_logger(__name__)

#: What an attempt came to, by where it left its delivery.
OUTCOMES = {
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.PENDING: "retry",
    DeliveryStatus.DEAD_LETTERED: "dead_lettered",
}


class Courier:
    """All lanes. `current` returns an endpoint by its id, as it is now; `gone` is told of one that wants nothing any
    more; `lease` is for how long, in seconds, what is in hand is left to us; `places` bounds the attempts under way at
    a time."""

    def __init__(
        self,
        sender: Sender,
        recorder: Recorder,
        health: Health,
        *,
        schedule: Sequence[float],
        lease: float,
        current: Callable[[str], Endpoint | None],
        gone: Callable[[Endpoint, str], None],
        places: int = MAX_ATTEMPTS,
    ) -> None:
        self._sender = sender
        self._recorder = recorder
        self._health = health
        self._schedule = schedule
        self._current = current
        self._gone = gone
        self._lanes: dict[str, Lane] = {}
        self._shares = Shares(places)
        self.lease = lease
        #: Called when a lane that is behind has nothing left to do; the retrier listens.
        self.hungry: Callable[[], None] = lambda: None
        #: Called with the id of an endpoint whose breaker has closed; the retrier listens.
        self.recovered: Callable[[str], None] = lambda endpoint_id: None

    def lane(self, endpoint: Endpoint) -> Lane:
        """Return the endpoint's lane."""
        lane = self._lanes.get(endpoint.id)
        if lane is None:
            rest = max(self._schedule_of(endpoint))
            lane = self._lanes[endpoint.id] = Lane(
                endpoint,
                self._attempt,
                lambda: self.hungry(),
                lambda: self.recovered(endpoint.id),
                self._call_up,
                self._shares,
                rest,
            )
        elif lane.endpoint is not endpoint:
            lane.update(endpoint)
        return lane

    def known_lane(self, endpoint_id: str) -> Lane | None:
        """Return an endpoint's lane if there is one."""
        return self._lanes.get(endpoint_id)

    def forget(self, endpoint_id: str) -> None:
        """Take an endpoint's waiting work to the store, since it is disabled or deleted."""
        lane = self._lanes.get(endpoint_id)
        if lane is not None:
            self._write_down(lane.take_waiting(), clock.now())
            if lane.idle:
                del self._lanes[endpoint_id]

    def carry(self, endpoint: Endpoint, work: Work) -> None:
        """Attempt a delivery now if the lane is not behind and its breaker lets it; else it takes its turn through the
        store."""
        lane, now = self.lane(endpoint), clock.now()
        pause = self._schedule_of(endpoint)[0] if not work.attempts and not work.recorded else 0.0
        rest = lane.rests_until(now)
        if pause > 0:
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=now + pause))
        elif rest is not None:
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=rest))
        elif lane.behind and not work.recorded:
            WINDOW_FULL.of().inc()
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=now))
        else:
            lane.offer(work)

    def share_failure(self, endpoint: Endpoint, work: Work) -> None:
        """Count an attempt for a delivery that waited for a probe which failed."""
        attempt = Attempt(clock.now(), 0.0, error="not sent: the endpoint rests, and failed when it was tried again")
        self._recorder.put(work, self._judge(endpoint, work, attempt), attempt)

    def in_hand(self, endpoint_id: str) -> set[str]:
        """Return the primary keys of an endpoint's deliveries that are under way."""
        lane = self._lanes.get(endpoint_id)
        return {work.key.stored for work in lane.under_way} if lane is not None else set()

    async def run(self) -> None:
        """Sweep the lanes, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()

    def sweep(self) -> None:
        """Write down what has been under way or waiting for too long, renew the leases of what still is, and let the
        lanes know of endpoints that have changed."""
        now, wall = time.monotonic(), clock.now()
        for endpoint_id, lane in list(self._lanes.items()):
            if lane.idle:
                if lane.forgettable:
                    del self._lanes[endpoint_id]
                continue
            self.lane(self._current(endpoint_id) or lane.endpoint)
            if not self._recorder.has_room:
                lane.held_up_at = now
            for work in lane.overdue(now):
                work.leased = now
                if work.recorded:
                    self._recorder.renew(work)
                else:
                    self._recorder.put_aside(work)
            rest = lane.rests_until(wall)
            if rest is not None:
                self._write_down(lane.take_waiting(), rest)
            spilled = lane.spill(now)
            WINDOW_FULL.of().inc(len(spilled))
            self._write_down(spilled, wall)
        ATTEMPTS_UNDER_WAY.of().set(self._shares.taken)
        OPEN_BREAKERS.of().set(sum(lane.breaker.open for lane in self._lanes.values()))

    async def finish(self, seconds: float) -> None:
        """Let the attempts that are under way end, for at most `seconds`; what waits goes to the store."""
        for lane in self._lanes.values():
            self._write_down(lane.take_waiting(), clock.now())
        tasks = [task for lane in self._lanes.values() for task in lane.under_way.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
        await self._recorder.drained()

    def _write_down(self, works: Iterable[Work], due: float) -> None:
        for work in works:
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=due))

    def _call_up(self) -> None:
        """Let those that were refused a place have the free ones, in turn."""
        while (endpoint_id := self._shares.call_up()) is not None:
            lane = self._lanes.get(endpoint_id)
            if lane is not None:
                lane.fill(at_most=1)

    def _schedule_of(self, endpoint: Endpoint) -> Sequence[float]:
        return endpoint.subscription.retry_schedule or self._schedule

    async def _attempt(self, endpoint: Endpoint, work: Work) -> Attempt:
        await self._recorder.room()
        endpoint = self._current(endpoint.id) or endpoint  # It may have changed while this waited.
        work.begun = time.monotonic()
        DELIVERY_SECONDS.of("queue").observe(work.begun - work.since)
        try:
            attempt = await self._sender.attempt(endpoint, work)
        except Exception:
            # A fault of ours, which must not keep the delivery from its schedule and its end.
            _log.exception("an attempt could not be made", delivery=work.key.text)
            attempt = Attempt(clock.now(), 0.0, error="the attempt could not be made")
        DELIVERY_SECONDS.of("request").observe(attempt.seconds)
        state = self._judge(endpoint, work, attempt)
        DELIVERY_ATTEMPTS.of(OUTCOMES[state.status]).inc()
        self._recorder.put(work, state, attempt)
        if attempt.farewell is not None:
            self._gone(endpoint, attempt.farewell)
        else:
            self._health.judge(endpoint, attempt)
        return attempt

    def _judge(self, endpoint: Endpoint, work: Work, attempt: Attempt) -> State:
        now = clock.now()
        decision = decide(
            attempt,
            number=work.made + 1,
            schedule=self._schedule_of(endpoint),
            chance=random.random(),
            now=now,
            at_most=attempts_at_most(endpoint.subscription, work),
        )
        match decision:
            case Delivered():
                return State(DeliveryStatus.DELIVERED)
            case Retry(seconds):
                # In tenths, so that many of them are written by one statement.
                return State(DeliveryStatus.PENDING, due=math.ceil(10 * (now + seconds)) / 10)
            case GiveUp(reason, exhausted):
                if exhausted:
                    self._health.exhausted(endpoint, work, attempt)
                return State(DeliveryStatus.DEAD_LETTERED, reason=reason, parked=parks(endpoint.subscription, work))
