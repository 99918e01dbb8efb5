"""What waits in memory for an endpoint, and what takes its way through the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.breaker import FEWEST
from edurelay_webhook_dispatcher.credentials import Credentials
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.lanes import HORIZON, LONGEST_WAIT, PATIENCE, SLOW, Lane
from edurelay_webhook_dispatcher.shares import Shares
from edurelay_webhook_dispatcher.work import Work
from unit.dispatcher.subscribing import subscription

WINDOW = 4

Attempting = Callable[[Endpoint, Work], Awaitable[Attempt]]


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
    await asyncio.gather(*tasks, return_exceptions=True)


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


async def test_what_the_store_has_held_up_is_not_passed_to_it_as_well() -> None:
    lane = await lane_of(200, SLOW / 2, waiting=500, since=LONGEST_WAIT * 2)
    lane.held_up_at = time.monotonic()
    assert lane.spill(time.monotonic()) == []
    assert lane.spill(time.monotonic() + LONGEST_WAIT + 1)
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


def rated_lane(per_second: float, receiver: Attempting) -> Lane:
    """Return a lane with a rate, and with twice as many deliveries as may begin at once."""
    endpoint = Endpoint(subscription(max_in_flight=100, rate_per_second=per_second), (), (), Credentials(None))
    lane = Lane(endpoint, receiver, nothing, nothing, nothing, Shares(1000), 60.0)
    for number in range(2 * max(1, int(per_second))):
        key = DeliveryKey("t", "ep", number, f"0.{number}")
        lane.offer(Work(key, f"evt_{number}", "a.b", b"{}", time.monotonic()))
    return lane


async def test_what_the_rate_does_not_allow_yet_can_be_taken_out() -> None:
    async def never(endpoint: Endpoint, work: Work) -> Attempt:
        await asyncio.Event().wait()
        raise AssertionError

    lane = rated_lane(0.01, never)
    assert (len(lane.under_way), len(lane.take_waiting())) == (1, 1)
    await end(lane)


async def test_what_the_rate_does_not_allow_yet_waits_for_a_probe_like_the_rest() -> None:
    async def refused(endpoint: Endpoint, work: Work) -> Attempt:
        return Attempt(time.time(), 0.0, status=500)

    lane = rated_lane(float(FEWEST), refused)
    await asyncio.wait(list(lane.under_way.values()))
    assert lane.breaker.open
    assert (len(lane.under_way), len(lane.take_waiting())) == (0, FEWEST)
    assert lane.breaker.probe_failed_at == 0.0


async def test_what_waits_begins_as_the_rate_allows_it_and_goes_where_the_endpoint_is_by_then() -> None:
    sent_to = asyncio.Queue[str | None]()

    async def taken(endpoint: Endpoint, work: Work) -> Attempt:
        sent_to.put_nowait(endpoint.subscription.url)
        return Attempt(time.time(), 0.0, status=200)

    lane = rated_lane(0.5, taken)
    first = await sent_to.get()
    moved = subscription(max_in_flight=100, rate_per_second=0.5, url="https://elsewhere.example/")
    lane.update(Endpoint(moved, (), (), Credentials(None)))
    assert (first, await sent_to.get()) == ("https://receiver.example/", "https://elsewhere.example/")
    await end(lane)


async def test_a_lane_takes_no_more_than_its_rate_lets_begin_soon() -> None:
    async def taken(endpoint: Endpoint, work: Work) -> Attempt:
        return Attempt(time.time(), 0.0, status=200)

    lane = rated_lane(0.01, taken)
    assert lane.room == 0
    await asyncio.wait(list(lane.under_way.values()))
    lane.take_waiting()
    assert lane.room == 0
    assert lane.idle
    assert not lane.forgettable, "another lane would begin at once"
