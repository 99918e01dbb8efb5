"""An endpoint that a dispatcher does not know, or cannot open, is not for that reason one that was deleted."""

from __future__ import annotations

import asyncio
from base64 import b64encode

from e2e.receivers import receiving
from edurelay.events.envelope import Event, Message, now
from edurelay.events.ids import new_event_id, new_id
from edurelay.events.topics import SUBSCRIPTIONS
from edurelay.kafka.producer import Producer
from edurelay.messages.subscriptions import SignatureProfile, Subscription, sealing_context
from edurelay.mongo import Collection, Database, Document
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay_webhook_dispatcher import clock, store
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.replays import pending_delivery
from integration.dispatcher.service import running
from integration.dispatcher.world import ENDPOINT, TENANT, Log, Terms, dispatcher, subscription
from integration.gateway.world import until


def delivery_to(tenant: str, endpoint: str) -> Document:
    """Return a delivery that is due."""
    key = DeliveryKey(tenant, endpoint, int(clock.now() * 1000), "t1")
    return pending_delivery(key, Event(new_event_id(), "a.b", "/here", tenant, now(), b"{}"), Payload(b"{}"))


def replay_to(tenant: str, endpoint: str, name: str) -> Document:
    """Return a replay of everything, of which nothing was done."""
    asked = {"tenant": tenant, "endpoint": endpoint, "since": 0, "until": 1, "event_types": [], "patterns": ["*"]}
    return {"_id": name, **asked, "behind": 0, "open": True}


async def status_of(deliveries: Collection, delivery: Document) -> str:
    found = await deliveries.find_one({"_id": delivery["_id"]})
    assert found is not None
    return str(found["status"])


async def is_open(replays: Collection, name: str) -> bool:
    found = await replays.find_one({"_id": name})
    assert found is not None
    return "open" in found


async def test_what_waits_for_one_that_does_not_open_here_is_left_to_who_can_open_it(
    kafka_bootstrap: str, mongo_uri: str, producer: Producer, tenant: str
) -> None:
    foreign, deleted, name = new_id("ep"), new_id("ep"), new_id("dispatcher")
    other = Sealer.from_keys("k2:" + b64encode(bytes(range(32))).decode())
    state = Subscription(
        id=foreign,
        tenant=tenant,
        url="http://127.0.0.1:9/",
        event_types=["*"],
        signature_profiles=[SignatureProfile.STANDARD],
        secrets=[other.seal(new_secret().encode(), sealing_context(tenant, foreign))],
        secret_expiries=[0],
        version=1,
    )
    unreadable = new_id("ep")
    ours = [delivery_to(tenant, each) for each in (foreign, unreadable, deleted)]
    async with await Database.connect(mongo_uri, name, collections=store.ALL) as database:
        await store.Store.of(database).add_pending(ours)
        await database[store.REPLAYS].insert_one(replay_to(tenant, unreadable, "r1"))
        await database[store.REPLAYS].insert_one(replay_to(tenant, deleted, "r2"))
        await producer.send(Message(SUBSCRIPTIONS.name, foreign.encode(), state.encode()))
        await producer.send(Message(SUBSCRIPTIONS.name, unreadable.encode(), b"of a later release"))
        try:
            async with running(kafka_bootstrap, mongo_uri, mongo_database=name):
                deliveries, replays = database[store.DELIVERIES], database[store.REPLAYS]
                await until(lambda: status_of(deliveries, ours[2]), lambda status: status == "dead_lettered")
                await until(lambda: is_open(replays, "r2"), lambda still: not still)
                assert [await status_of(deliveries, each) for each in ours[:2]] == ["pending", "pending"]
                assert await is_open(replays, "r1")
        finally:
            for endpoint in (foreign, unreadable):
                await producer.send(Message(SUBSCRIPTIONS.name, endpoint.encode(), None))


async def test_word_of_one_that_was_just_made_is_waited_for(mongo_uri: str, producer: Producer) -> None:
    name, late = new_id("test"), new_id("ep")
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, name, producer, receiver.url, Log.of(), Terms(schedule=(0.0,))) as working,
        await Database.connect(mongo_uri, name, collections=store.ALL) as database,
    ):

        async def word_comes() -> None:
            working.endpoints.on_change(late, subscription(receiver.url, Terms(schedule=(0.0,)), id=late))

        working.endpoints.catch_up = word_comes
        theirs = delivery_to(TENANT, late)
        await store.Store.of(database).add_pending([theirs])
        working.retrier.look_again()
        await receiver.until(1)
        deliveries = database[store.DELIVERIES]
        async with asyncio.timeout(30):
            await until(lambda: status_of(deliveries, theirs), lambda status: status != "pending")
        assert await status_of(deliveries, theirs) == "delivered"


async def test_what_comes_for_one_that_does_not_open_here_waits(mongo_uri: str, producer: Producer) -> None:
    terms, log = Terms(schedule=(0.0,)), Log.of("a.b")
    message = log.messages.pop()
    other = Sealer.from_keys("k2:" + b64encode(bytes(range(32))).decode())
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, terms) as working,
    ):
        secrets = [other.seal(new_secret().encode(), sealing_context(TENANT, ENDPOINT))]
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms, secrets=secrets))
        log.append(message)
        pending = {"matched": 1, "pending": 1, "delivered": 0, "dead_lettered": 0}
        await until(lambda: working.repository.ledger(ENDPOINT), lambda found: found == pending)
        assert receiver.requests == []
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms))
        await receiver.until(1)
