"""Reads what is in a topic's log already: one message by its position, or all of a stretch of time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Self

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Received
from edurelay.kafka.reader import Reader

#: How far the clocks of producers may be apart: the log is in order of arrival, the timestamps are theirs.
_SKEW_MS = 60_000

#: What is no further ahead than so many messages is read on to; for anything else it is begun anew.
_NEAR = 500

#: How long to wait for what is known to be there.
_READ_SECONDS = 10.0


class LogReader:
    """Reads any topic, without a group and without moving anybody's offsets."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._readers: dict[Topic, Reader] = {}
        self._turns: defaultdict[Topic, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        """Do nothing yet: a topic is connected to when it is first read."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await asyncio.gather(*(reader.stop() for reader in self._readers.values()))

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Received | None:
        """Return the message at this position, or `None` where there is none (any more). Raises `KafkaUnavailable`."""
        async with self._turns[topic]:
            reader = await self._reader(topic)
            ends, beginnings = await asyncio.gather(reader.ends(), reader.beginnings())
            if not beginnings[partition] <= offset < ends[partition]:
                return None
            reader.only(partition)
            reader.seek({partition: offset})
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    while not await reader.reached({partition: offset + 1}):
                        found = await reader.poll(_READ_SECONDS, max_records=1)
                        for received in found.get(partition, ()):
                            # A compacted log goes on with the next message that is left.
                            return received if received.offset == offset else None
            except TimeoutError as error:
                raise KafkaUnavailable(f"{topic.name} could not be read") from error
            finally:
                reader.only()
        return None

    async def read_some(self, topic: Topic, positions: Collection[tuple[int, int]]) -> dict[tuple[int, int], Received]:
        """Return those of the messages at these positions (partition, offset) that are there (still). Raises
        `KafkaUnavailable`."""
        found: dict[tuple[int, int], Received] = {}
        if not positions:
            return found
        wanted: defaultdict[int, list[int]] = defaultdict(list)
        for partition, offset in sorted(positions):
            wanted[partition].append(offset)
        async with self._turns[topic]:
            reader = await self._reader(topic)
            ends, beginnings = await asyncio.gather(reader.ends(), reader.beginnings())
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    for partition, offsets in wanted.items():
                        there = [each for each in offsets if beginnings[partition] <= each < ends[partition]]
                        async for received in _read_these(reader, partition, there):
                            found[partition, received.offset] = received
            except TimeoutError as error:
                raise KafkaUnavailable(f"{topic.name} could not be read") from error
            finally:
                reader.only()
        return found

    async def read_between(self, topic: Topic, since_ms: int, until_ms: int) -> AsyncIterator[list[Received]]:
        """Yield the messages with a timestamp from `since_ms` on and before `until_ms`, as of now.

        Each list is of one partition and in its order. Raises `KafkaUnavailable`.
        """
        reader = Reader(self._bootstrap, topic)
        try:
            await reader.start()
            ends, first = await reader.ends(), await reader.since(since_ms)
            stop = {**ends, **await reader.since(until_ms + _SKEW_MS)}
            stop = {partition: stop[partition] for partition in first if first[partition] < stop[partition]}
            reader.only(*stop)
            reader.seek({partition: first[partition] for partition in stop})
            while not await reader.reached(stop):
                found = await reader.poll(_READ_SECONDS)
                if not found:
                    raise KafkaUnavailable(f"{topic.name} could not be read on")
                for partition, messages in found.items():
                    within = [
                        each
                        for each in messages
                        if each.offset < stop[partition] and since_ms <= each.timestamp < until_ms
                    ]
                    if within:
                        yield within
                    if messages[-1].offset + 1 >= stop[partition]:
                        del stop[partition]
                        reader.only(*stop)
        finally:
            await reader.stop()

    async def _reader(self, topic: Topic) -> Reader:
        reader = self._readers.get(topic)
        if reader is None:
            reader = Reader(self._bootstrap, topic, wait_ms=1)
            await reader.start()
            reader.only()
            self._readers[topic] = reader
        return reader


async def _read_these(reader: Reader, partition: int, offsets: list[int]) -> AsyncIterator[Received]:
    """Yield the messages at these offsets, which are in order and before the end of the log."""
    reader.only(partition)
    place: int | None = None
    while offsets:
        if place is None or offsets[0] > place + _NEAR:
            reader.seek({partition: offsets[0]})
        messages = (await reader.poll(_READ_SECONDS)).get(partition, [])
        wanted = set(offsets)
        for received in messages:
            if received.offset in wanted:
                yield received
        if messages:
            place = messages[-1].offset + 1
            offsets = [each for each in offsets if each >= place]
        elif await reader.reached({partition: offsets[0] + 1}):
            return  # What comes next are marks of the log itself.
