"""A dispatcher whose wall clock is wrong, or jumps: nothing comes early, nothing lies about, nothing comes twice.

The clock is moved from outside of what is tested: a module that the interpreter loads at its start adds to
`time.time()` what a file says.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from e2e.receivers import Receiver, receiving
from edurelay.events.ids import new_id
from integration.dispatcher.fleet import Dispatcher, fleet

HOUR = 3600
#: How many events there are: fewer failures than make a breaker open.
EVENTS = 8
MOVER = """
import os, time
_time, _file = time.time, os.environ["SHIFT_FILE"]
def moved():
    with open(_file) as shift:
        return _time() + float(shift.read())
time.time = moved
"""


class MovedClock:
    """Shifts the wall clock of every process that is started with its `env`."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(MOVER)
        self._file = folder / "shift"
        self.env = {"PYTHONPATH": str(folder), "SHIFT_FILE": str(self._file)}
        self.shift(0)

    def shift(self, seconds: int) -> None:
        """Let the clock be so much ahead from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._file)


def failing_first(receiver: Receiver) -> None:
    """Let each event fail once and then arrive."""
    receiver.script = lambda number: 500 if receiver.events.count(receiver.events[number]) == 1 else 204


@pytest.fixture
def moved(tmp_path: Path) -> MovedClock:
    return MovedClock(tmp_path)


async def retried(working: Dispatcher, tenant: str) -> None:
    """Return when due deliveries have been looked for since, on all sides: some others were due, and have arrived."""
    async with receiving() as receiver:
        failing_first(receiver)
        seen = await working.subscribe(tenant, receiver.url, event_types=["seen.*"], retry_schedule=[0, 0.3])
        for number in range(EVENTS):
            await working.publish(tenant, "seen.now", {}, subject=f"s-{number}")
        ledger = await working.until_settled(tenant, seen, EVENTS)
        assert ledger == {"matched": EVENTS, "delivered": EVENTS, "pending": 0, "dead_lettered": 0}


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_a_dispatcher_whose_clock_is_an_hour_off_gets_in_nobodys_way(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, moved: MovedClock, shift: int
) -> None:
    moved.shift(shift)
    tenant = new_id("tn")
    async with receiving() as receiver, fleet(kafka_bootstrap, mongo_uri, tmp_path) as several:
        failing_first(receiver)
        right = await several.start()
        endpoint = await right.subscribe(tenant, receiver.url, event_types=["held.*"], retry_schedule=[0, 2, 2])
        await several.start(moved.env)
        for number in range(EVENTS):
            await right.publish(tenant, "held.back", {}, subject=f"s-{number}")
        await receiver.until(EVENTS)
        receiver.open.clear()
        await receiver.until(EVENTS + 3)
        # Some second attempts are under way now; their leases hold, whoever looks.
        await retried(right, tenant)
        receiver.open.set()
        ledger = await right.until_settled(tenant, endpoint, EVENTS)
        assert ledger == {"matched": EVENTS, "delivered": EVENTS, "pending": 0, "dead_lettered": 0}
        assert set(Counter(receiver.events).values()) == {2}
        ages = [abs(time.time() - int(request.headers["webhook-timestamp"])) for request in receiver.requests]
        assert max(ages) < HOUR / 2, "what is signed an hour off is refused"


async def test_nothing_lies_about_when_the_clock_goes_back(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, moved: MovedClock
) -> None:
    tenant = new_id("tn")
    async with receiving() as receiver, fleet(kafka_bootstrap, mongo_uri, tmp_path) as single:
        failing_first(receiver)
        working = await single.start(moved.env)
        endpoint = await working.subscribe(tenant, receiver.url, retry_schedule=[0, 3])
        for number in range(EVENTS):
            await working.publish(tenant, "to.come", {}, subject=f"s-{number}")
        await receiver.until(EVENTS)
        moved.shift(-HOUR)
        ledger = await working.until_settled(tenant, endpoint, EVENTS)
        assert ledger == {"matched": EVENTS, "delivered": EVENTS, "pending": 0, "dead_lettered": 0}
        assert set(Counter(receiver.events).values()) == {2}


async def test_nothing_comes_early_when_the_clock_goes_ahead(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, moved: MovedClock
) -> None:
    tenant = new_id("tn")
    async with receiving() as receiver, fleet(kafka_bootstrap, mongo_uri, tmp_path) as single:
        failing_first(receiver)
        working = await single.start(moved.env)
        endpoint = await working.subscribe(tenant, receiver.url, event_types=["late.*"], retry_schedule=[0, HOUR // 2])
        for number in range(EVENTS):
            await working.publish(tenant, "late.on", {}, subject=f"s-{number}")
        await receiver.until(EVENTS)
        moved.shift(HOUR)
        await retried(working, tenant)
        ledger = await working.ledger(tenant, endpoint)
        assert ledger == {"matched": EVENTS, "delivered": 0, "pending": EVENTS, "dead_lettered": 0}
        assert len(receiver.requests) == EVENTS
