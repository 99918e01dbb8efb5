"""Nobody waits for somebody else's receiver: neither for its answers nor for what is due for it."""

from __future__ import annotations

import asyncio
import time

import pytest

from e2e.receivers import receiving
from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id, new_id
from edurelay.kafka.producer import Producer
from edurelay_sandbox.receiver import Receiver, answer
from edurelay_webhook_dispatcher import courier, lanes, recorder
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.replays import pending_delivery
from integration.cut import Line
from integration.dispatcher.looking_back import Archive, archive
from integration.dispatcher.service import running
from integration.dispatcher.world import ENDPOINT, Log, Terms, dispatcher

PLACES = 20


async def test_a_tenant_whose_endpoints_all_hang_leaves_places_for_another(
    kafka_bootstrap: str, mongo_uri: str
) -> None:
    north, south = new_id("north"), new_id("south")
    terms = {"max_attempts": PLACES, "attempt_seconds": 300.0}
    async with receiving() as hanging, receiving() as healthy:
        hanging.open.clear()
        async with running(kafka_bootstrap, mongo_uri, **terms) as service:
            for _ in range(50):
                await service.subscribe(north, hanging.url)
            await service.subscribe(south, healthy.url)
            await service.publish(north, "a.b", {})
            await hanging.until(PLACES // 2)
            published = [await service.publish(south, "a.b", {}) for _ in range(30)]
            await healthy.until(30)
            assert sorted(healthy.events) == sorted(published)
            assert len(hanging.requests) == PLACES // 2, "a tenant alone has half of the places"
            hanging.open.set()
            await hanging.until(50)


async def test_a_hanging_endpoint_leaves_places_for_others_of_its_tenant(kafka_bootstrap: str, mongo_uri: str) -> None:
    tenant = new_id("tenant")
    terms = {"max_attempts": PLACES, "attempt_seconds": 300.0}
    async with receiving() as hanging, receiving() as healthy:
        hanging.open.clear()
        async with running(kafka_bootstrap, mongo_uri, **terms) as service:
            await service.subscribe(tenant, hanging.url, event_types=["slow"], max_in_flight=PLACES)
            await service.subscribe(tenant, healthy.url, event_types=["quick"])
            for _ in range(PLACES * 2):
                await service.publish(tenant, "slow", {})
            await hanging.until(PLACES // 3)
            for _ in range(30):
                await service.publish(tenant, "quick", {})
            await healthy.until(30)
            assert len(hanging.requests) < PLACES // 2
            hanging.open.set()
            await hanging.until(PLACES * 2)


async def test_thousands_of_due_retries_of_one_tenant_do_not_keep_the_one_of_another_waiting(
    kafka_bootstrap: str, mongo_uri: str
) -> None:
    north, south, name = new_id("north"), new_id("south"), new_id("dispatcher")
    async with receiving() as receiver, archive(mongo_uri, name) as kept:
        async with running(kafka_bootstrap, mongo_uri, mongo_database=name) as service:
            many, one = [await service.subscribe(tenant, receiver.url) for tenant in (north, south)]
        await due(kept, north, many, 5000)
        (event_id,) = await due(kept, south, one, 1)
        async with running(kafka_bootstrap, mongo_uri, mongo_database=name) as service:
            await service.delivered(south, one, 1)
            assert receiver.events.index(event_id) < 500
            assert len(receiver.requests) < 5000
            await service.subscribe(north, receiver.url, endpoint_id=many, enabled=False)


async def due(kept: Archive, tenant: str, endpoint: str, count: int) -> list[str]:
    """Write deliveries that are due, and return the ids of their events."""
    moment, documents = int(time.time() * 1000), []
    for number in range(count):
        event = Event(new_event_id(), "a.b", "/here", tenant, now(), b"{}")
        key = DeliveryKey(tenant, endpoint, moment + number, f"0.{number}")
        documents.append(pending_delivery(key, event, Payload(b"{}")))
    for start in range(0, count, 500):
        await kept.kept.add_pending(documents[start : start + 500])
    return [document["event_id"] for document in documents]


async def test_what_waits_for_the_store_is_not_passed_to_it_as_well(
    mongo_uri: str, database_name: str, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "UNWRITTEN", 1)
    monkeypatch.setattr(courier, "SWEEP", 0.01)
    log = Log.of(*["a.b"] * 200)
    with Line(mongo_uri, 0, answer_lost=False) as line:
        # After its first answer the endpoint is one that does some sixty deliveries in two seconds.
        async with Receiver(answer(after=0.3), answer()).serving() as receiver, asyncio.timeout(60):
            terms = Terms((0.0, 60.0), window=1)
            async with dispatcher(line.uri, database_name, producer, receiver.url, log, terms) as working:
                line.hold(b"insert\x00\x0b\x00\x00\x00deliveries")
                await line.until_held()
                monkeypatch.setattr(lanes, "LONGEST_WAIT", 0.1)
                lane = working.courier.known_lane(ENDPOINT)
                assert lane is not None
                while not lane.behind and len(receiver.requests) + len(lane.waiting) < 199:
                    await asyncio.sleep(0.01)
                while not lane.behind and time.monotonic() - lane.waiting[0].since < 0.5:
                    await asyncio.sleep(0.01)
                assert not lane.behind
                assert len(receiver.requests) < 5
                monkeypatch.setattr(recorder, "UNWRITTEN", 256)
                line.let_go()
                while await working.store.deliveries.count_documents({"status": "delivered"}) < 200:
                    await asyncio.sleep(0.01)
        assert len(receiver.requests) == 200
