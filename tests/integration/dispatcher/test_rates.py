"""What waits for its endpoint's rate goes where the endpoint is by then, or nowhere if it wants nothing any more."""

from __future__ import annotations

import asyncio

from e2e.receivers import receiving
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from integration.dispatcher.world import ENDPOINT, Dispatcher, Log, Terms, dispatcher, subscription

EVENTS = 5
#: One attempt now, and the next one after this test.
TERMS = Terms((0.0, 100.0), rate=0.01)
QUICK = {"rate_per_second": 1000.0, "version": 3}


async def brought(working: Dispatcher) -> None:
    """Return when every event has been read, and its delivery is in its lane or in the store."""
    async with asyncio.timeout(20):
        while True:
            lane = working.courier.known_lane(ENDPOINT)
            known = {each.key.stored for each in (*lane.waiting, *lane.under_way)} if lane is not None else set()
            known |= {each["_id"] async for each in working.store.deliveries.find({})}
            if len(known) == EVENTS:
                return
            await asyncio.sleep(0.01)


async def ledger(working: Dispatcher, **wanted: int) -> None:
    """Return when so many deliveries stand where."""
    async with asyncio.timeout(20):
        while (found := await working.repository.ledger(ENDPOINT)) != {"matched": EVENTS, "dead_lettered": 0, **wanted}:
            assert found["delivered"] <= wanted["delivered"]
            await asyncio.sleep(0.01)


async def test_nothing_of_a_disabled_endpoint_waits_for_its_rate(mongo_uri: str, producer: Producer) -> None:
    async with receiving() as receiver:
        log = Log.of(*["student.created"] * EVENTS)
        async with dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, TERMS) as working:
            await receiver.until(1)
            await brought(working)
            working.endpoints.on_change(ENDPOINT, subscription(receiver.url, TERMS, enabled=False, version=2))
            await ledger(working, delivered=1, pending=EVENTS - 1)
            lane = working.courier.known_lane(ENDPOINT)
            assert lane is None or lane.idle
            working.endpoints.on_change(ENDPOINT, subscription(receiver.url, TERMS, **QUICK))
            await ledger(working, delivered=EVENTS, pending=0)
        assert len(receiver.requests) == len(set(receiver.events)) == EVENTS


async def test_a_changed_address_and_rate_hold_for_what_waits(mongo_uri: str, producer: Producer) -> None:
    async with receiving() as former, receiving() as current:
        log = Log.of(*["student.created"] * EVENTS)
        async with dispatcher(mongo_uri, new_id("test"), producer, former.url, log, TERMS) as working:
            await former.until(1)
            await brought(working)
            working.endpoints.on_change(ENDPOINT, subscription(current.url, TERMS, **QUICK))
            await ledger(working, delivered=EVENTS, pending=0)
        assert len(former.requests) == 1
        assert sorted(former.events + current.events) == sorted(set(former.events + current.events))
