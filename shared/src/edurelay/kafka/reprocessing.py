"""Dead letters again: what is in `<topic>.dlq`, and sending it back to the topic that it came from.

How far a dead-letter topic was reprocessed is kept as the offsets of one consumer group, so that nothing is sent twice
by two calls in a row. A message that cannot be processed this time either becomes a dead letter anew, behind the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from edurelay.events.envelope import HeaderList, Message
from edurelay.events.topics import DECLARED, Topic
from edurelay.kafka.admin import committed_offsets
from edurelay.kafka.consumer import Assignment, Batch, Consumer
from edurelay.kafka.dead_letters import PREFIX, Sender
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.kafka.reader import Reader

GROUP = "edurelay-reprocess"

#: Every topic whose messages can become dead letters.
SOURCES = tuple(topic for topic in DECLARED if topic.dead_letters)

_POLL_SECONDS = 10.0


class Unreadable(Exception):
    """A dead letter cannot be sent back: it was too large to be kept, and the log no longer has the original."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it came, where that was, and why it could not be processed. `offset` is its place among the dead
    letters; `value` is None where it was too large to be kept."""

    offset: int
    at: str
    reason: str
    error: str | None
    attempts: int
    topic: str
    source_partition: int
    source_offset: int
    key: bytes
    value: bytes | None
    headers: HeaderList
    left_out: bool

    @classmethod
    def of(cls, received: Received) -> DeadLetter:
        """Read what `DeadLetters` wrote."""
        return cls(
            offset=received.offset,
            at=received.header(f"{PREFIX}at") or "",
            reason=received.header(f"{PREFIX}reason") or "",
            error=received.header(f"{PREFIX}error"),
            attempts=_number(received, "attempts"),
            topic=received.header(f"{PREFIX}topic") or received.topic.removesuffix(".dlq"),
            source_partition=_number(received, "partition"),
            source_offset=_number(received, "offset"),
            key=received.key,
            value=received.value,
            headers=[(name, text) for name, text in received.headers if not name.startswith(PREFIX)],
            left_out=received.header(f"{PREFIX}value-left-out") is not None,
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How many dead letters of a topic are kept, and how many of them were not reprocessed."""

    topic: Topic
    kept: int
    waiting: int


async def count(bootstrap: str, topics: Sequence[Topic] = SOURCES) -> list[Count]:
    """Count the dead letters of each topic. Raises `KafkaUnavailable`."""
    committed = await committed_offsets(bootstrap, GROUP)
    return list(await asyncio.gather(*(_count(bootstrap, topic, committed) for topic in topics)))


async def _count(bootstrap: str, topic: Topic, committed: dict[tuple[str, int], int]) -> Count:
    reader = Reader(bootstrap, topic.dlq)
    await reader.start()
    try:
        beginnings, ends = await reader.beginnings(), await reader.ends()
    finally:
        await reader.stop()
    kept = sum(ends[n] - beginnings[n] for n in ends)
    done = (max(committed.get((topic.dlq.name, n), 0), beginnings[n]) for n in ends)
    return Count(topic, kept, sum(ends.values()) - sum(done))


async def read(bootstrap: str, topic: Topic, *, most: int) -> list[DeadLetter]:
    """Return the latest dead letters of a topic, the newest first. Raises `KafkaUnavailable`."""
    reader = Reader(bootstrap, topic.dlq)
    await reader.start()
    found: list[DeadLetter] = []
    try:
        beginnings, ends = await reader.beginnings(), await reader.ends()
        reader.seek({n: max(beginnings[n], ends[n] - most) for n in ends})
        while not await reader.reached(ends):
            for messages in (await reader.poll(_POLL_SECONDS)).values():
                found += [DeadLetter.of(each) for each in messages if each.offset < ends[each.partition]]
    finally:
        await reader.stop()
    return sorted(found, key=lambda each: (each.at, each.offset), reverse=True)[:most]


async def send_back(letter: DeadLetter, producer: Sender, log: LogReader) -> None:
    """Send the original to its topic, where it is processed anew. Raises `Unreadable`, `KafkaUnavailable`."""
    value = letter.value
    if letter.left_out:
        source = next((topic for topic in DECLARED if topic.name == letter.topic), None)
        original = await log.read_one(source, letter.source_partition, letter.source_offset) if source else None
        if original is None:
            raise Unreadable(f"the dead letter {letter.offset} has no value, and {letter.topic} has it no more")
        value = original.value
    await producer.send(Message(letter.topic, letter.key, value, letter.headers))


async def reprocess(bootstrap: str, topic: Topic, producer: Sender) -> Outcome:
    """Send back every dead letter of `topic` that was not yet, up to the last one that is there now.

    An outage of Kafka is waited out. What a kill interrupts is sent again by the next call: whoever processes it has
    to bear that, as always.
    """
    async with LogReader(bootstrap) as log:
        sending = _Sending(producer, log)
        async with Consumer(bootstrap, group=GROUP, topics=[topic.dlq], handler=sending, drain_seconds=0) as consumer:
            running = asyncio.create_task(consumer.run())
            running.add_done_callback(lambda _: sending.ended.set())
            try:
                await sending.ended.wait()
                if running.done():
                    running.result()
            finally:
                running.cancel()
                await asyncio.wait({running})
    return Outcome(sending.sent, tuple(sending.unreadable))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many dead letters were sent back, and what is wrong with the others."""

    sent: int
    unreadable: tuple[str, ...]


class _Sending:
    """Sends back what was there when it was assigned, and finishes nothing that came later."""

    def __init__(self, producer: Sender, log: LogReader) -> None:
        self._producer = producer
        self._log = log
        self._open: dict[int, int] = {}
        self.sent = 0
        self.unreadable: list[str] = []
        self.ended = asyncio.Event()

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        self._open = {each.partition: each.end for each in assignments if each.position < each.end}
        if not self._open:
            self.ended.set()

    async def handle(self, batch: Batch) -> None:
        for received in batch.messages:
            if received.offset >= self._open.get(batch.partition, 0):
                break
            try:
                await send_back(DeadLetter.of(received), self._producer, self._log)
                self.sent += 1
            except Unreadable as error:
                self.unreadable.append(str(error))
            batch.done(received.offset)
            if received.offset + 1 == self._open[batch.partition]:
                del self._open[batch.partition]
        if not self._open:
            self.ended.set()

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Nothing is kept of a partition."""


def _number(received: Received, name: str) -> int:
    text = received.header(PREFIX + name) or ""
    return int(text) if text.isdecimal() else 0
