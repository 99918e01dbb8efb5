"""The topics as anybody outside may read them: a plain consumer, and no code of the system's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

RECORDS, EVENTS = "edurelay.records", "edurelay.events"
DISPATCHER = "webhook-dispatcher"

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the topic of events. `attributes` are its `ce_*` headers."""

    attributes: dict[str, str]
    value: bytes

    @property
    def id(self) -> str:
        """The event's id."""
        return self.attributes["ce_id"]

    @property
    def of_a_record(self) -> bool:
        """True if the event tells of a record; False if somebody published it."""
        return self.attributes["ce_source"].startswith("/connections/")

    @property
    def data(self) -> dict[str, Any]:
        """The event's data."""
        found: dict[str, Any] = orjson.loads(self.value)
        return found


class Log:
    """What Kafka holds."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def ends(self, topic: str) -> Offsets:
        """Return the offset after the last message of each partition."""
        async with self._reader(topic) as (consumer, places):
            return dict(await consumer.end_offsets(places))

    async def until_longer(self, topic: str, since: Offsets, messages: int, seconds: float) -> None:
        """Return once the topic has so many more messages than it had."""
        async with asyncio.timeout(seconds), self._reader(topic) as (consumer, places):
            while sum((await consumer.end_offsets(places)).values()) < sum(since.values()) + messages:
                await asyncio.sleep(0.02)

    async def until_worked_off(self, topic: str, group: str, seconds: float) -> None:
        """Return once the group has committed every message of the topic."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        async with asyncio.timeout(seconds), self._reader(topic) as (consumer, places):
            await admin.start()
            try:
                while True:
                    # A broker that is gone is asked in its turn until the client has noticed.
                    with suppress(KafkaError):
                        ends = await consumer.end_offsets(places)
                        committed = await admin.list_consumer_group_offsets(group)
                        if all(
                            end == 0 or (place in committed and committed[place].offset >= end)
                            for place, end in ends.items()
                        ):
                            return
                    await asyncio.sleep(0.1)
            finally:
                await admin.close()

    async def events(self, tenant: str, since: Offsets) -> list[Entry]:
        """Return the tenant's events from these offsets to the present end, in the order of each partition."""
        found = []
        async with self._reader(EVENTS) as (consumer, places):
            ends = await consumer.end_offsets(places)
            for place, offset in since.items():
                consumer.seek(place, offset)
            async with asyncio.timeout(60):
                while any([await consumer.position(place) < end for place, end in ends.items()]):
                    for messages in (await consumer.getmany(timeout_ms=200)).values():
                        found += [Entry(_attributes(each.headers), each.value) for each in messages]
        return [each for each in found if each.attributes["ce_tenant"] == tenant]

    @asynccontextmanager
    async def _reader(self, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="latest"
        )
        try:
            await _started(consumer)
            yield consumer, sorted(consumer.assignment())
        finally:
            await consumer.stop()


async def _started(consumer: AIOKafkaConsumer) -> None:
    """Connect, as soon as there is a broker: it may just have been killed."""
    async with asyncio.timeout(60):
        while True:
            try:
                await consumer.start()
            except KafkaConnectionError:
                await asyncio.sleep(0.1)
            else:
                return


def _attributes(headers: list[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode() for name, value in headers if name.startswith("ce_")}
