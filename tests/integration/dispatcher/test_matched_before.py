"""An event that was matched before a crash goes to whom it matched then, whatever became of the endpoint meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from e2e.receivers import receiving
from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id, new_id
from edurelay.events.topics import EVENTS
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay_webhook_dispatcher.index import Entry
from integration.dispatcher.world import ENDPOINT, TENANT, Dispatcher, Log, Terms, dispatcher, subscription
from integration.gateway.world import until

MOMENT = 1_800_000_000_000


def entry_of(event: Event, *endpoints: str) -> Entry:
    """Return what the index has of an event that matched these endpoints, at the beginning of the log."""
    return Entry(TENANT, event.id, event.type, None, event.time, event.source, 0, 0, MOMENT, endpoints)


async def standing(working: Dispatcher, **expected: int) -> None:
    """Return when so many deliveries stand where."""
    ledger = {"pending": 0, "delivered": 0, "dead_lettered": 0} | expected
    wanted = {"matched": sum(ledger.values()), **ledger}
    async with asyncio.timeout(30):
        await until(lambda: working.repository.ledger(ENDPOINT), lambda found: found == wanted)


@pytest.mark.parametrize(
    "changed", [{"event_types": ["something.else"]}, {"enabled": False}], ids=["wants other types", "is disabled"]
)
async def test_what_an_endpoint_matched_it_gets_although_it_was_changed_since(
    mongo_uri: str, producer: Producer, changed: dict[str, Any]
) -> None:
    terms, log = Terms(schedule=(0.0,)), Log.of()
    event = Event(new_event_id(), "a.b", "/here", TENANT, now(), b'{"n":1}', maybe_repeated=True)
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, terms) as working,
    ):
        await working.store.events.add([entry_of(event, ENDPOINT)])
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms, **changed))
        log.append(Received(EVENTS.name, 0, 0, MOMENT, event.key, event.data, event.headers()))
        if "enabled" in changed:
            await standing(working, pending=1)
            assert receiver.requests == []
            working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms))
        await standing(working, delivered=1)
        assert receiver.events == [event.id]


async def test_who_did_not_match_an_event_then_does_not_get_it_now(mongo_uri: str, producer: Producer) -> None:
    log = Log.of()
    events = [
        Event(new_event_id(), "a.b", "/here", TENANT, now(), b"{}", maybe_repeated=each) for each in (True, False)
    ]
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, Terms(schedule=(0.0,))) as working,
    ):
        await working.store.events.add([entry_of(events[0])])
        for offset, event in enumerate(events):
            log.append(Received(EVENTS.name, 0, offset, MOMENT, event.key, event.data, event.headers()))
        await standing(working, delivered=1)
        await log.until_committed(2)
        assert receiver.events == [events[1].id]
