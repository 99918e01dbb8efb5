"""A dispatcher is killed while the group shares its work anew: one that joins, one that leaves, or one that stays."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conftest import TOLD
from e2e.receivers import receiving
from edurelay.events.ids import new_id
from integration.dispatcher.fleet import Fleet, fleet

#: How many attempts a dispatcher makes at a time, and how many events there are: more than all of them can have.
WINDOW, EVENTS = 10, 80


async def killed(several: Fleet, victim: str) -> None:
    """Kill one while the group is not settled, which it is not before everybody has finished or given up its work."""
    first, *_, last = several.dispatchers
    if victim == "leaving":
        last.process.signal(signal.SIGTERM)
    else:
        joining = await several.begin()
    await several.until_group("PreparingRebalance", "CompletingRebalance")
    dying = {"joining": lambda: joining, "leaving": lambda: last, "staying": lambda: last}[victim]()
    await dying.process.kill()
    assert first.process.running


@pytest.mark.parametrize(("victim", "count"), [("joining", 3), ("leaving", 2), ("staying", 3)])
async def test_who_dies_while_the_work_is_shared_anew_leaves_it_to_the_others(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, record_property: Any, victim: str, count: int
) -> None:
    tenant, drain = new_id("tn"), "4"
    async with (
        receiving() as receiver,
        fleet(kafka_bootstrap, mongo_uri, tmp_path, EDURELAY_DRAIN_SECONDS=drain) as several,
    ):
        staying = await several.start()
        endpoint = await staying.subscribe(tenant, receiver.url, max_in_flight=WINDOW)
        for _ in range(count - 1):
            await several.start()
        await several.until_group("Stable")
        receiver.open.clear()
        ids = [await staying.publish(tenant, "in.flight", {}, subject=f"s-{number}") for number in range(EVENTS)]
        # Somebody has as much under way as it may.
        await receiver.until(WINDOW)
        await killed(several, victim)
        in_flight = list(receiver.events)
        receiver.open.set()
        ledger = await staying.until_settled(tenant, endpoint, EVENTS)
        assert ledger == {"matched": EVENTS, "delivered": EVENTS, "pending": 0, "dead_lettered": 0}
        times = Counter(receiver.events)
        assert times.keys() == set(ids)
        repeated = times.total() - EVENTS
        assert {each for each in times if times[each] > 1} <= set(in_flight)
        assert repeated <= len(in_flight)
        stream = await staying.client.get(
            f"/internal/tenants/{tenant}/endpoints/{endpoint}/events", dict[str, Any], query={"limit": 100}
        )
        assert [each["sequence"] for each in stream["data"]] == list(range(1, EVENTS + 1))
        assert {each["event_id"] for each in stream["data"]} == set(ids)
    of = f"{repeated} of {len(in_flight)} under way came twice"
    record_property(TOLD, f"of {count} dispatchers the {victim} one was killed: {of}")
