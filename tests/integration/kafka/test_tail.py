"""A tail sees what comes after its start, and nothing from before."""

from __future__ import annotations

import asyncio

from edurelay.events.envelope import Message
from edurelay.events.topics import Cleanup
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay.kafka.tail import Tail
from integration.kafka.conftest import NewTopic
from integration.kafka.recording import eventually


async def test_a_tail_receives_only_what_is_sent_after_its_start(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(3, Cleanup.DELETE)
    await producer.send_all([Message(topic.name, b"k%d" % n, b"before") for n in range(10)])
    received: list[Received] = []
    async with Tail(kafka_bootstrap, topic, received.append) as tail:
        await producer.send_all([Message(topic.name, b"k%d" % n, b"after") for n in range(10)])
        loop = asyncio.create_task(tail.run())
        await eventually(lambda: len(received) >= 10)
        loop.cancel()
        await asyncio.wait({loop})
    assert {(each.key, each.value) for each in received} == {(b"k%d" % n, b"after") for n in range(10)}


async def test_every_tail_receives_everything(kafka_bootstrap: str, producer: Producer, new_topic: NewTopic) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    one: list[Received] = []
    other: list[Received] = []
    async with Tail(kafka_bootstrap, topic, one.append) as first, Tail(kafka_bootstrap, topic, other.append) as second:
        loops = {asyncio.create_task(first.run()), asyncio.create_task(second.run())}
        await producer.send(Message(topic.name, b"k", b"v"))
        await eventually(lambda: len(one) == len(other) == 1)
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
