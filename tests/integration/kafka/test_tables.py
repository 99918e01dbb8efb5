"""A compacted topic as a dictionary: complete at its start, and up to date from then on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edurelay.events.envelope import Message
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.producer import Producer
from edurelay.kafka.tables import CompactedTable
from integration.kafka.conftest import NewTopic

SECONDS = 10.0


@asynccontextmanager
async def following(table: CompactedTable[int]) -> Any:
    async with table:
        loop = asyncio.create_task(table.run())
        try:
            yield table
        finally:
            loop.cancel()
            await asyncio.wait({loop})


def put(topic: Topic, key: bytes, value: bytes | None) -> Message:
    return Message(topic.name, key, value)


async def test_at_its_start_a_table_holds_the_latest_of_everything(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(3, Cleanup.COMPACT)
    await producer.send_all([put(topic, b"k%d" % (n % 50), b"%d" % n) for n in range(1000)])
    await producer.send(put(topic, b"k7", None))
    async with CompactedTable(kafka_bootstrap, topic, int) as table:
        assert sorted(table.values()) == [950 + n for n in range(50) if n != 7]
        assert table.get("k3") == 953
        assert table.get("k7") is None


async def test_an_empty_topic_makes_an_empty_table(kafka_bootstrap: str, new_topic: NewTopic) -> None:
    async with CompactedTable(kafka_bootstrap, await new_topic(1, Cleanup.COMPACT), int) as table:
        assert list(table.values()) == []


async def test_changes_and_tombstones_are_seen_as_they_come(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.COMPACT)
    await producer.send_all([put(topic, b"a", b"1"), put(topic, b"a", b"2"), put(topic, b"b", b"3")])
    seen: list[tuple[str, int | None]] = []

    def on_change(key: str, value: int | None) -> None:
        seen.append((key, value))

    async with following(CompactedTable(kafka_bootstrap, topic, int, on_change=on_change)) as table:
        assert seen == [("a", 2), ("b", 3)]
        await producer.send(put(topic, b"a", b"4"))
        assert await table.wait_for("a", lambda value: value == 4, SECONDS) == 4
        await producer.send(put(topic, b"b", None))
        assert await table.wait_for("b", lambda value: value is None, SECONDS) is None
        assert table.get("b") is None
    assert seen == [("a", 2), ("b", 3), ("a", 4), ("b", None)]


async def test_a_value_that_cannot_be_read_leaves_the_one_before(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.COMPACT)
    await producer.send_all([put(topic, b"a", b"1"), put(topic, b"a", b"one"), put(topic, b"b", b"2")])
    async with CompactedTable(kafka_bootstrap, topic, int) as table:
        assert (table.get("a"), table.get("b")) == (1, 2)


async def test_waiting_for_a_value_ends_with_the_time(kafka_bootstrap: str, new_topic: NewTopic) -> None:
    async with CompactedTable(kafka_bootstrap, await new_topic(1, Cleanup.COMPACT), int) as table:
        with pytest.raises(TimeoutError):
            await table.wait_for("a", lambda value: value is not None, 0.05)


async def test_who_catches_up_knows_all_that_was_sent_before(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(2, Cleanup.COMPACT)
    async with following(CompactedTable(kafka_bootstrap, topic, int)) as table:
        for number in range(20):
            await producer.send(put(topic, b"k%d" % number, b"%d" % number))
            await table.catch_up()
            assert table.get(f"k{number}") == number


async def test_a_table_that_does_not_get_on_says_so(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(1, Cleanup.COMPACT)
    monkeypatch.setattr("edurelay.kafka.tables._CATCH_UP_SECONDS", 0.2)
    async with CompactedTable(kafka_bootstrap, topic, int) as table:
        await producer.send(put(topic, b"a", b"1"))
        with pytest.raises(KafkaUnavailable, match="to its end"):
            await table.catch_up()


async def test_what_cannot_be_read_is_known_until_it_is_replaced(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.COMPACT)
    await producer.send_all([put(topic, b"a", b"one"), put(topic, b"b", b"two"), put(topic, b"b", None)])
    async with following(CompactedTable(kafka_bootstrap, topic, int)) as table:
        assert (table.unreadable("a"), table.unreadable("b")) == (True, False)
        await producer.send(put(topic, b"a", b"1"))
        await table.catch_up()
        assert (table.unreadable("a"), table.get("a")) == (False, 1)
