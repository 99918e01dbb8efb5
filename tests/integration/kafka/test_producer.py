"""What `send` has returned for is in Kafka, where every other client would look for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin import NewTopic as Creation
from aiokafka.partitioner import DefaultPartitioner

from edurelay.events.envelope import Message
from edurelay.events.ids import new_id
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.handler import Received
from edurelay.kafka.limits import MAX_MESSAGE_BYTES
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.runtime.tracing import continue_trace
from integration.kafka.conftest import NewTopic


async def everything_in(bootstrap: str, topic: Topic) -> list[Received]:
    async with LogReader(bootstrap) as log:
        return [each async for stretch in log.read_between(topic, 0, 2**52) for each in stretch]


async def test_a_message_is_found_at_the_position_that_its_send_returned(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(3, Cleanup.DELETE)
    await producer.ping()
    position = await producer.send(Message(topic.name, b"key", b"value", [("ce_id", b"1")]))
    async with LogReader(kafka_bootstrap) as log:
        received = await log.read_one(topic, position.partition, position.offset)
    assert received is not None
    assert (received.key, received.value, list(received.headers)) == (b"key", b"value", [("ce_id", b"1")])


async def test_one_by_one_or_many_at_once_keys_land_on_the_partition_of_kafkas_default(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(5, Cleanup.DELETE)
    keys = [b"tenant/student-%d" % number for number in range(40)]
    await asyncio.gather(*(producer.send(Message(topic.name, key, b"one")) for key in keys))
    await producer.send_all([Message(topic.name, key, b"all") for key in keys])
    places: dict[bytes, set[int]] = defaultdict(set)
    found = await everything_in(kafka_bootstrap, topic)
    for received in found:
        places[received.key].add(received.partition)
    every = list(range(5))
    assert len(found) == 80
    assert places == {key: {DefaultPartitioner()(key, every, every)} for key in keys}


async def test_many_messages_keep_the_order_of_each_key_over_many_batches(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    filling = b"." * 4000
    messages = [Message(topic.name, b"k%d" % (n % 7), b"%06d" % n + filling) for n in range(600)]
    await producer.send_all(messages)
    values: dict[bytes, list[bytes]] = defaultdict(list)
    for received in await everything_in(kafka_bootstrap, topic):
        values[received.key].append(received.value or b"")
    assert sum(map(len, values.values())) == 600
    assert all(found == sorted(found) for found in values.values())


async def test_single_sends_and_batches_may_be_under_way_at_the_same_time(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.DELETE)
    await asyncio.gather(
        *(producer.send(Message(topic.name, b"a%d" % n, b"")) for n in range(100)),
        *(producer.send_all([Message(topic.name, b"b%d-%d" % (n, m), b"") for m in range(50)]) for n in range(6)),
    )
    assert len({received.key for received in await everything_in(kafka_bootstrap, topic)}) == 400


async def test_a_message_carries_the_trace_of_what_is_being_done(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    with continue_trace(None) as traceparent:
        await producer.send(Message(topic.name, b"one", b""))
        await producer.send_all([Message(topic.name, b"all", b"", [("traceparent", b"its own")])])
    found = {each.key: each.header("traceparent") for each in await everything_in(kafka_bootstrap, topic)}
    assert found == {b"one": traceparent, b"all": "its own"}


async def test_a_message_that_is_too_large_is_refused_and_its_neighbours_are_not_sent(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    large = Message(topic.name, b"large", bytes(MAX_MESSAGE_BYTES + 1))
    with pytest.raises(MessageTooLarge):
        await producer.send(large)
    with pytest.raises(MessageTooLarge):
        await producer.send_all([Message(topic.name, b"small", b""), large])
    await producer.send(Message(topic.name, b"next", b""))
    assert [received.key for received in await everything_in(kafka_bootstrap, topic)] == [b"next"]


async def test_the_largest_allowed_message_arrives(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    value = bytes(MAX_MESSAGE_BYTES - 1000)
    await producer.send(Message(topic.name, b"k", value))
    await producer.send_all([Message(topic.name, b"k", value)])
    assert [received.value for received in await everything_in(kafka_bootstrap, topic)] == [value, value]


async def test_a_topic_that_takes_less_refuses_and_the_producer_works_on(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    """The broker's refusal leaves a gap in the sequence, so this is also a producer that has to be replaced."""
    other = await new_topic(1, Cleanup.DELETE)
    narrow = new_id("test")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([Creation(narrow, 1, 1, topic_configs={"max.message.bytes": "1000"})])
    await admin.close()
    with pytest.raises(MessageTooLarge):
        await producer.send(Message(narrow, b"k", bytes(5000)))
    await producer.send(Message(narrow, b"k", bytes(500)))
    await producer.send(Message(other.name, b"k", bytes(5000)))


async def test_a_poisoned_producer_fails_once_and_is_replaced(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    await producer.send(Message(topic.name, b"k", b"before"))
    poison(producer, topic)
    with pytest.raises(KafkaUnavailable):
        await producer.send(Message(topic.name, b"k", b"poisoned"))
    await producer.send(Message(topic.name, b"k", b"after"))
    poison(producer, topic)
    with pytest.raises(KafkaUnavailable):
        await producer.send_all([Message(topic.name, b"k", b"poisoned")])
    await producer.send_all([Message(topic.name, b"k", b"again")])
    values = [received.value for received in await everything_in(kafka_bootstrap, topic)]
    assert values == [b"before", b"after", b"again"]


def poison(producer: Producer, topic: Topic) -> None:
    """Tear a hole into the sequence numbers, as a batch does that fails before it is sent."""
    assert producer._current is not None
    transactions = producer._current._producer._txn_manager
    transactions.increment_sequence_number(TopicPartition(topic.name, 0), 5)


async def test_a_topic_that_does_not_exist_is_told_within_the_timeout(kafka_bootstrap: str) -> None:
    async with Producer(kafka_bootstrap, client_id="test", timeout=2) as producer:
        async with asyncio.timeout(3):
            with pytest.raises(KafkaUnavailable):
                await producer.send(Message("no.such.topic", b"k", b"v"))
        await producer.ping()


async def test_after_its_end_a_producer_says_that_it_is_closed(kafka_bootstrap: str) -> None:
    async with Producer(kafka_bootstrap, client_id="test") as producer:
        pass
    with pytest.raises(KafkaUnavailable, match="closed"):
        await producer.send(Message("any", b"k", b"v"))


async def test_without_a_broker_a_producer_does_not_start() -> None:
    with pytest.raises(KafkaUnavailable):
        async with Producer("127.0.0.1:9", client_id="test", timeout=0.5):
            pass
