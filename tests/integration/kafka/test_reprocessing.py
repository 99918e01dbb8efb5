"""Dead letters go back to where they came from: once, as they were, and none that became one meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
import pytest_asyncio

from edurelay.events.envelope import Message
from edurelay.events.ids import new_id
from edurelay.events.topics import INGEST, Cleanup, Topic
from edurelay.kafka.admin import apply_topics
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.kafka.reprocessing import DeadLetter, Unreadable, count, read, reprocess, send_back


@pytest_asyncio.fixture
async def topic(kafka_bootstrap: str) -> Topic:
    """A topic with dead letters."""
    topic = Topic(new_id("test"), 2, Cleanup.DELETE, "any", "whatever a test sends", dead_letters=True)
    await apply_topics(kafka_bootstrap, [topic, topic.dlq], replication_factor=1)
    return topic


def letter(topic: Topic, n: int) -> Received:
    return Received(topic.name, n % 2, n, 0, b"k%d" % n, b'{"n":%d}' % n, [("ce_id", b"evt_%d" % n)])


async def bury(producer: Producer, received: Received) -> None:
    await DeadLetters(producer).send(received, reason="malformed", error=ValueError("no such field"), attempts=3)


async def sent_back(bootstrap: str, topic: Topic) -> list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]:
    """Return what is in the topic itself."""
    async with LogReader(bootstrap) as log:
        return sorted(
            [
                (each.key, each.value, list(each.headers))
                async for stretch in log.read_between(topic, 0, 2**41)
                for each in stretch
            ]
        )


async def test_what_was_buried_goes_back_as_it_was_and_only_once(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    for n in range(3):
        await bury(producer, letter(topic, n))
    (found,) = await count(kafka_bootstrap, [topic])
    assert (found.kept, found.waiting) == (3, 3)
    assert (await reprocess(kafka_bootstrap, topic, producer)).sent == 3
    expected = [(b"k%d" % n, b'{"n":%d}' % n, [("ce_id", b"evt_%d" % n)]) for n in range(3)]
    assert await sent_back(kafka_bootstrap, topic) == expected
    assert (await reprocess(kafka_bootstrap, topic, producer)).sent == 0
    await bury(producer, letter(topic, 3))
    (found,) = await count(kafka_bootstrap, [topic])
    assert (found.kept, found.waiting) == (4, 1)
    assert (await reprocess(kafka_bootstrap, topic, producer)).sent == 1
    assert len(await sent_back(kafka_bootstrap, topic)) == 4


async def test_what_is_buried_again_meanwhile_waits_for_the_next_time(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    class Hopeless:
        """Whatever is sent back cannot be processed this time either."""

        async def send(self, message: Message) -> object:
            sent = await producer.send(message)
            await bury(producer, replace(letter(topic, 0), key=message.key, value=message.value))
            return sent

    for n in range(5):
        await bury(producer, letter(topic, n))
    assert (await reprocess(kafka_bootstrap, topic, Hopeless())).sent == 5
    (found,) = await count(kafka_bootstrap, [topic])
    assert (found.kept, found.waiting) == (10, 5)


async def test_the_latest_are_listed_with_what_is_known_of_them(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    for n in range(4):
        await bury(producer, letter(topic, n))
    found = await read(kafka_bootstrap, topic, most=2)
    assert [each.offset for each in found] == [3, 2]
    assert found[0] == DeadLetter(
        offset=3, at=found[0].at, reason="malformed", error="ValueError: no such field", attempts=3,
        topic=topic.name, source_partition=1, source_offset=3, key=b"k3", value=b'{"n":3}',
        headers=[("ce_id", b"evt_3")], left_out=False,
    )  # fmt: skip
    assert await read(kafka_bootstrap, topic, most=0) == []


async def test_one_that_was_too_large_to_keep_is_taken_from_the_log(kafka_bootstrap: str, producer: Producer) -> None:
    key = new_id("key").encode()
    place = await producer.send(Message(INGEST.name, key, b"original", [("a", b"b")]))
    left_out = DeadLetter(
        0, "", "malformed", None, 1, INGEST.name, place.partition, place.offset, key, None, [("a", b"b")], True
    )
    gone = replace(left_out, source_offset=place.offset + 1000)
    async with LogReader(kafka_bootstrap) as log:
        with pytest.raises(Unreadable):
            await send_back(gone, producer, log)
        await send_back(left_out, producer, log)
        again = await log.read_one(INGEST, place.partition, place.offset + 1)
    assert again is not None
    assert (again.key, again.value) == (key, b"original")
