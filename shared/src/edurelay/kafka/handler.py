"""What a consumer hands over, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edurelay.events.envelope import HeaderList

#: Takes offsets that are finished, and how they ended.
Finish = Callable[[Sequence[int], str], None]

DONE = "done"
DEAD_LETTERED = "dead_lettered"


@dataclass(slots=True)
class Received:
    """One message from a topic. `timestamp` is in milliseconds; a `None` value is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: HeaderList

    @classmethod
    def of(cls, record: Any) -> Received:
        """Return aiokafka's record as one of ours."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.key or b"",
            record.value,
            record.headers,
        )

    def header(self, name: str) -> str | None:
        """Return the text of the first header called `name`."""
        return next((text.decode(errors="replace") for key, text in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A partition that is ours from now on.

    `position` is the next offset to be read, `end` the offset after the last message at this moment. A position
    behind the end says that the topic is not the one that the offsets were committed for.
    """

    topic: str
    partition: int
    position: int
    end: int


class Batch:
    """Messages of one partition in their order. Each has to be finished, now or later, in any order."""

    __slots__ = ("_finish", "messages", "partition", "topic")

    def __init__(self, topic: str, partition: int, messages: list[Received], finish: Finish) -> None:
        self.topic = topic
        self.partition = partition
        self.messages = messages
        self._finish = finish

    def done(self, offset: int, outcome: str = DONE) -> None:
        """Finish one message. A second time, or after the partition was lost, this does nothing."""
        self._finish((offset,), outcome)

    def all_done(self) -> None:
        """Finish every message of the batch."""
        self._finish([message.offset for message in self.messages], DONE)


class Handler(Protocol):
    """What a service does with messages. The contract is tested in `tests/contract`."""

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Prepare for these partitions, before their first batch. Raising stops the consumer."""

    async def handle(self, batch: Batch) -> None:
        """Work on a batch. Called one at a time for each partition, for several partitions side by side.

        It may return before its messages are done, as long as it finishes them later. If it raises, it gets what is
        not finished of the batch again after a pause, for ever.
        """

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Stop work on these partitions; what is not finished comes again, here or elsewhere."""
