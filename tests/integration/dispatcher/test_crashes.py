"""Kill the dispatcher at any write to its database: its successor brings every delivery to the same end."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest

from e2e.receivers import Receiver, receiving
from edurelay.events.envelope import Event
from edurelay.events.ids import new_id
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Database
from edurelay_webhook_dispatcher import store
from integration.cut import Line
from integration.dispatcher.world import ENDPOINT, TENANT, Dispatcher, Log, Terms, dispatcher

#: One goes at once, one at the second attempt, one never.
KINDS = ("at.once", "at.second", "at.no.time") * 3
ATTEMPTS = 3 * (1 + 2 + 3)
#: Short enough to see deliveries die, and a dead dispatcher's claims come back.
TERMS = Terms(schedule=(0.0, 0.05, 0.05), lease=0.6)


def answer_to(receiver: Receiver, number: int) -> int:
    """Answer request `number` by the kind of its event."""
    request = receiver.requests[number]
    times = receiver.events.count(request.headers["webhook-id"])
    kind = request.event["event"]
    return 204 if kind == "at.once" or (kind == "at.second" and times > 1) else 500


async def at_rest(working: Dispatcher) -> dict[str, int]:
    """Return the ledger once every delivery has ended and the backlog says so."""
    async with asyncio.timeout(60):
        while True:
            ledger = await working.repository.ledger(ENDPOINT)
            waiting = await working.store.backlog.count(DeliveryStatus.PENDING)
            if ledger["matched"] == len(KINDS) and ledger["pending"] == waiting == 0:
                return ledger
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before it is done", "after it is done"])
async def test_a_dispatcher_that_dies_at_any_write_leaves_what_another_brings_to_its_end(
    mongo_uri: str, producer: Producer, answer_lost: bool
) -> None:
    reached = Counter[bool]()
    for write in range(1, 13):
        log, name = Log.of(*KINDS), new_id("test")
        async with await Database.connect(mongo_uri, name, collections=store.ALL):
            pass
        async with receiving() as receiver:
            receiver.script = partial(answer_to, receiver)
            with Line(mongo_uri, write, answer_lost=answer_lost) as line:
                async with dispatcher(line.uri, name, producer, receiver.url, log, TERMS), asyncio.timeout(60):
                    # Where it has fewer writes than that, it dies when it has made its last attempt.
                    while not line.broken and len(receiver.requests) < ATTEMPTS:
                        await asyncio.sleep(0.01)
                    reached[line.broken] += 1
                    line.mend()
            async with dispatcher(mongo_uri, name, producer, receiver.url, log, TERMS) as working:
                ledger = await at_rest(working)
                assert ledger == {"matched": 9, "delivered": 6, "pending": 0, "dead_lettered": 3}
                await log.until_committed(len(KINDS))
                assert await working.store.backlog.count(DeliveryStatus.DEAD_LETTERED) == 3
                ids = [event.id for event in map(event_of, log.messages)]
                assert sorted(await working.store.events.find(TENANT, ids)) == sorted(ids)
                assert set(receiver.events) == set(ids)
                stream = await working.store.streams.read(TENANT, ENDPOINT, 0, 100)
                assert [ticket.number for ticket in stream] == list(range(1, 10))
                assert sorted(ticket.event_id for ticket in stream) == sorted(ids)
    assert reached[True] >= 6, "the dispatcher writes too seldom for this test to say anything"


def event_of(received: Received) -> Event:
    return Event.from_message(received.headers, received.value)
