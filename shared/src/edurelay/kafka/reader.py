"""Reads one topic's partitions without a group: what tables, tails and the log reader stand on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Received

#: How long one request may take. A frozen broker is left after this time.
_REQUEST_SECONDS = 15.0

Offsets = Mapping[int, int]


class ReaderBroken(RuntimeError):
    """aiokafka's fetching task has died, which it tells nobody: only a new reader can read on."""


class Reader:
    """All partitions of `topic`. Every method raises `KafkaUnavailable` where Kafka does not answer.

    `wait_ms` is how long a broker may hold back the answer to a fetch while there is nothing new.
    """

    def __init__(self, bootstrap: str, topic: Topic, *, wait_ms: int = 100) -> None:
        self._places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id=f"edurelay-reader-{topic.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=int(_REQUEST_SECONDS * 1000),
            fetch_max_wait_ms=wait_ms,
            # In an outage every try is logged.
            retry_backoff_ms=250,
            fetch_max_bytes=8 * 1024 * 1024,
            max_partition_fetch_bytes=1024 * 1024,
        )

    async def start(self) -> None:
        """Connect."""
        self._consumer.assign(self._places)
        try:
            await self._consumer.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, KafkaError):
                raise KafkaUnavailable(f"no reader could be started: {error}") from error
            raise

    async def stop(self) -> None:
        """End, also when no broker answers."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._consumer.stop()

    async def beginnings(self) -> Offsets:
        """Return the first offset of each partition."""
        return await self._offsets(self._consumer.beginning_offsets)

    async def ends(self) -> Offsets:
        """Return the offset after the last message of each partition."""
        return await self._offsets(self._consumer.end_offsets)

    async def since(self, moment_ms: int) -> Offsets:
        """Return, for each partition that has one, the first offset from which on there are messages this young."""
        # Kafka knows no time before 1970, and nothing is older.
        moments = dict.fromkeys(self._places, max(0, moment_ms))
        try:
            found = await self._consumer.offsets_for_times(moments)
        except KafkaError as error:
            raise KafkaUnavailable(str(error)) from error
        return {place.partition: each.offset for place, each in found.items() if each is not None}

    def seek(self, offsets: Offsets) -> None:
        """Read on from these offsets."""
        for place in self._places:
            if place.partition in offsets:
                self._consumer.seek(place, offsets[place.partition])

    def only(self, *partitions: int) -> None:
        """Read these partitions, and leave the others until they are named again."""
        for place in self._places:
            if place.partition in partitions:
                self._consumer.resume(place)
            else:
                self._consumer.pause(place)

    async def reached(self, offsets: Offsets) -> bool:
        """Tell whether everything before `offsets` has been read."""
        for place in self._places:
            if place.partition in offsets and await self._consumer.position(place) < offsets[place.partition]:
                return False
        return True

    async def poll(self, seconds: float, max_records: int = 500) -> dict[int, list[Received]]:
        """Return messages by partition, nothing after `seconds` without any. Raises `ReaderBroken` for a bug."""
        if self._consumer._fetcher.error_future.done():
            raise ReaderBroken
        try:
            found = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=max_records)
        except KafkaError as error:
            raise KafkaUnavailable(str(error)) from error
        return {place.partition: [Received.of(record) for record in records] for place, records in found.items()}

    async def _offsets(self, ask: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, int]]]) -> Offsets:
        try:
            return {place.partition: offset for place, offset in (await ask(self._places)).items()}
        except KafkaError as error:
            raise KafkaUnavailable(str(error)) from error
