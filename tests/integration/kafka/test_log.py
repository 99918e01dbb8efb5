"""What is in the log can be read by its position and by its time."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from edurelay.events.envelope import Message
from edurelay.events.topics import Cleanup
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from integration.kafka.conftest import NewTopic


async def test_one_message_is_read_by_its_position(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    messages = [Message(topic.name, b"k%d" % n, b"%d" % n) for n in range(30)]
    positions = [await producer.send(message) for message in messages]
    async with LogReader(kafka_bootstrap) as log:
        read = await asyncio.gather(*(log.read_one(topic, each.partition, each.offset) for each in positions))
    assert [each.value if each else None for each in read] == [message.value for message in messages]


async def test_a_position_without_a_message_reads_as_none(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    await producer.send(Message(topic.name, b"k", b"v"))
    async with LogReader(kafka_bootstrap) as log:
        assert await log.read_one(topic, 0, 1) is None
        assert await log.read_one(topic, 0, 99) is None
        assert await log.read_one(topic, 0, 0) is not None


async def test_some_messages_are_read_together_wherever_they_stand(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    await producer.send_all([Message(topic.name, b"k%d" % (n % 9), b"%d" % n) for n in range(3000)])
    async with LogReader(kafka_bootstrap) as log:
        ends = dict.fromkeys(range(2), 0)
        async for stretch in log.read_between(topic, 0, 2**50):
            ends[stretch[0].partition] = stretch[-1].offset + 1
        wanted = [(partition, offset) for partition in range(2) for offset in (0, 1, 7, ends[partition] - 1)]
        for _ in range(2):
            found = await log.read_some(topic, [*wanted, (0, ends[0]), (1, 99_999)])
            assert {position: (each.partition, each.offset) for position, each in found.items()} == {
                position: position for position in wanted
            }
            assert await log.read_some(topic, []) == {}


async def test_a_stretch_of_time_is_read_in_the_order_of_each_partition(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(3, Cleanup.DELETE)
    moments = []
    for stage in range(3):
        await producer.send_all([Message(topic.name, b"k%d" % (n % 9), b"%d-%04d" % (stage, n)) for n in range(1200)])
        last = await producer.send(Message(topic.name, b"last", b"%d-last" % stage))
        async with LogReader(kafka_bootstrap) as log:
            received = await log.read_one(topic, last.partition, last.offset)
        assert received is not None
        moments.append(received.timestamp + 1)
        # The next stage has to begin in another millisecond.
        await asyncio.sleep(0.003)
    async with LogReader(kafka_bootstrap) as log:
        values: dict[int, list[bytes]] = defaultdict(list)
        async for stretch in log.read_between(topic, moments[0], moments[1]):
            values[stretch[0].partition].extend(each.value or b"" for each in stretch)
    found = [value for partition in values.values() for value in partition]
    assert sorted(found) == sorted([b"1-%04d" % n for n in range(1200)] + [b"1-last"])
    numbered = [[value for value in partition if value != b"1-last"] for partition in values.values()]
    assert all(partition == sorted(partition) for partition in numbered)


async def test_a_stretch_without_messages_yields_nothing(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    await producer.send(Message(topic.name, b"k", b"v"))
    async with LogReader(kafka_bootstrap) as log:
        assert [each async for each in log.read_between(topic, 0, 1000)] == []
        assert [each async for each in log.read_between(topic, 2**50, 2**50 + 1)] == []
        assert [each async for each in log.read_between(topic, -(10**14), -(10**13))] == []


async def test_a_stretch_may_begin_before_the_time_that_kafka_knows(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    await producer.send(Message(topic.name, b"k", b"v"))
    year_one = -62_135_596_800_000
    async with LogReader(kafka_bootstrap) as log:
        assert [each.value async for stretch in log.read_between(topic, year_one, 2**50) for each in stretch] == [b"v"]
