"""What waits in memory for an endpoint, and what takes its way through the store."""

from __future__ import annotations

import asyncio
import time

from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.credentials import Credentials
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.lanes import HORIZON, LONGEST_WAIT, PATIENCE, SLOW, Lane
from edurelay_webhook_dispatcher.shares import Shares
from edurelay_webhook_dispatcher.work import Work
from unit.dispatcher.subscribing import subscription

WINDOW = 4


class Receiver:
    """Answers a number of attempts at once, each as if it had taken `seconds`, and then none; without `room` none is
    begun. `full` is set when as many hang as may be under way."""

    def __init__(self, answers: int, seconds: float, *, room: bool) -> None:
        self._answers = answers
        self._seconds = seconds
        self._room = room
        self._hanging = 0
        self._never = asyncio.Event()
        self.full = asyncio.Event()

    async def attempt(self, endpoint: Endpoint, work: Work) -> Attempt:
        if self._room:
            work.begun = time.monotonic()
        if self._answers == 0:
            self._hanging += 1
            if self._hanging == WINDOW:
                self.full.set()
            await self._never.wait()
        self._answers -= 1
        return Attempt(time.time(), self._seconds, status=200)


async def lane_of(answers: int, seconds: float, *, waiting: int, since: float, room: bool = True) -> Lane:
    """Return a lane whose receiver has answered, and in which so many deliveries wait `since` that many seconds."""
    endpoint = Endpoint(subscription(max_in_flight=WINDOW), (), (), Credentials(None))
    receiver = Receiver(answers, seconds, room=room)
    lane = Lane(endpoint, receiver.attempt, nothing, nothing, nothing, Shares(100), 60.0)
    for number in range(answers + WINDOW + waiting):
        key = DeliveryKey("t", "ep", number, f"0.{number}")
        lane.offer(Work(key, f"evt_{number}", "a.b", b"{}", time.monotonic() - since))
    await receiver.full.wait()
    return lane


def nothing() -> None:
    """Nobody wants to know."""


async def end(lane: Lane) -> None:
    lane.take_waiting()
    tasks = list(lane.under_way.values())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_what_waits_for_a_quick_endpoint_waits_in_memory() -> None:
    lane = await lane_of(200, SLOW / 2, waiting=500, since=LONGEST_WAIT / 2)
    assert lane.spill(time.monotonic()) == []
    assert not lane.behind
    await end(lane)


async def test_of_what_waits_for_a_slow_endpoint_only_the_first_stay_in_memory() -> None:
    lane = await lane_of(200, SLOW * 2, waiting=500, since=0)
    first = list(lane.waiting)[: int(WINDOW * HORIZON / (SLOW * 2))]
    assert len(lane.spill(time.monotonic())) == 500 - len(first)
    assert list(lane.waiting) == first
    assert lane.behind
    await end(lane)


async def test_a_quick_endpoint_that_gets_more_than_it_takes_does_not_fill_the_memory_of_all() -> None:
    lane = await lane_of(200, SLOW / 2, waiting=500, since=LONGEST_WAIT * 2)
    kept = WINDOW * HORIZON / (SLOW / 2)
    assert 500 - len(lane.spill(time.monotonic())) in (int(kept), int(kept) + 1)
    assert lane.behind
    await end(lane)


async def test_what_is_sent_and_not_answered_is_written_down_after_a_moment() -> None:
    lane = await lane_of(0, 0.0, waiting=0, since=0)
    assert lane.overdue(time.monotonic()) == []
    assert len(lane.overdue(time.monotonic() + PATIENCE)) == WINDOW
    await end(lane)


async def test_what_waits_for_the_store_before_it_is_sent_is_not_written_down_for_it() -> None:
    lane = await lane_of(0, 0.0, waiting=0, since=PATIENCE, room=False)
    assert all(work.begun is None for work in lane.under_way)
    assert lane.overdue(time.monotonic() + PATIENCE) == []
    assert len(lane.overdue(time.monotonic() + LONGEST_WAIT)) == WINDOW
    await end(lane)
