"""Kill the dispatcher between a number and the word to the log, or at any write: each event is in the stream once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from edurelay.events.envelope import Event
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.mongo import Database
from edurelay_webhook_dispatcher import store
from integration.cut import Line
from integration.dispatcher.world import ENDPOINT, TENANT, Dispatcher, Log, Terms, dispatcher

TYPES = [f"note.n{n}" for n in range(9)]
TERMS = Terms(schedule=(0.0,))


class Deaf(Log):
    """A log whose reader dies before it can say what it needs no more."""

    def finish(self, offsets: Sequence[int], _outcome: str) -> None:
        """Hear nothing."""


async def written(working: Dispatcher, log: Log) -> list[tuple[int, str]]:
    """Return the stream once all events are in it and in the index."""
    ids = {Event.from_message(each.headers, each.value).id for each in log.messages}
    async with asyncio.timeout(60):
        while True:
            stream = await working.store.streams.read(TENANT, ENDPOINT, 0, 100)
            indexed = await working.store.events.find(TENANT, sorted(ids))
            if len(stream) >= len(ids) and len(indexed) == len(ids):
                return [(ticket.number, ticket.event_id) for ticket in stream]
            await asyncio.sleep(0.02)


async def test_what_was_numbered_when_the_log_was_not_told_keeps_its_number(mongo_uri: str, producer: Producer) -> None:
    name, deaf = new_id("test"), Deaf(Log.of(*TYPES).messages)
    async with dispatcher(mongo_uri, name, producer, None, deaf, TERMS) as first:
        before = await written(first, deaf)
    log = Log(deaf.messages)
    async with dispatcher(mongo_uri, name, producer, None, log, TERMS) as second:
        async with asyncio.timeout(60):
            while log.committed < len(TYPES):
                await asyncio.sleep(0.02)
        assert await written(second, log) == before
        assert [number for number, _ in before] == list(range(1, len(TYPES) + 1))
        entries = await second.store.events.find(TENANT, [event_id for _, event_id in before])
        assert {(entry.to, entry.streamed) for entry in entries.values()} == {((), (ENDPOINT,))}
        assert await second.store.deliveries.count_documents({}) == 0


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before it is done", "after it is done"])
async def test_a_dispatcher_that_dies_at_any_write_leaves_each_event_in_the_stream_once(
    mongo_uri: str, producer: Producer, answer_lost: bool
) -> None:
    reached = Counter[bool]()
    for write in range(1, 7):
        log, name = Log.of(*TYPES), new_id("test")
        async with await Database.connect(mongo_uri, name, collections=store.ALL):
            pass
        with Line(mongo_uri, write, answer_lost=answer_lost) as line:
            async with dispatcher(line.uri, name, producer, None, log, TERMS), asyncio.timeout(60):
                while not line.broken and log.committed < len(TYPES):
                    await asyncio.sleep(0.01)
                reached[line.broken] += 1
                line.mend()
        async with dispatcher(mongo_uri, name, producer, None, log, TERMS) as working:
            stream = await written(working, log)
            async with asyncio.timeout(60):
                while log.committed < len(TYPES):
                    await asyncio.sleep(0.02)
            assert await written(working, log) == stream
            assert [number for number, _ in stream] == list(range(1, len(TYPES) + 1))
            assert len({event_id for _, event_id in stream}) == len(TYPES)
    assert reached[True] >= 2, "the dispatcher writes too seldom for this test to say anything"
