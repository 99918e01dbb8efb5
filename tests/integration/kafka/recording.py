"""A handler that notes what it gets, for tests of what hands messages to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from edurelay.events.topics import Topic
from edurelay.kafka.consumer import Assignment, Batch, Consumer, Received

SECONDS = 30.0


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds, for what nobody tells of."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def committed(bootstrap: str, group: str, topic: Topic) -> list[int | None]:
    """Return what the group has committed, by partition."""
    asking = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await asking.start()
    try:
        return [await asking.committed(TopicPartition(topic.name, n)) for n in range(topic.partitions)]
    finally:
        await asking.stop()


async def commit_ends(bootstrap: str, group: str, topic: Topic) -> None:
    """Let the group, of which nobody runs, go on behind everything that is in the topic now."""
    asking = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await asking.start()
    try:
        partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
        asking.assign(partitions)
        await asking.commit(await asking.end_offsets(partitions))
    finally:
        await asking.stop()


async def finish_all(batch: Batch) -> None:
    """Finish everything at once."""
    batch.all_done()


class Recorder:
    """Notes every message, assignment and revocation, and does with a batch what it was made for."""

    def __init__(self, act: Callable[[Batch], Awaitable[None]] = finish_all) -> None:
        self.received: list[Received] = []
        self.assignments: list[Assignment] = []
        self.revocations: list[tuple[str, int]] = []
        self.held: set[int] = set()
        self._act = act
        self._changed = asyncio.Condition()

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        self.assignments.extend(assignments)
        self.held.update(each.partition for each in assignments)
        await self._tell()

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.revocations.extend(partitions)
        self.held.difference_update(partition for _, partition in partitions)
        await self._tell()

    async def handle(self, batch: Batch) -> None:
        self.received.extend(batch.messages)
        await self._tell()
        await self._act(batch)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is looked at whenever something has come."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def running(consumer: Consumer) -> Any:
    """Start the consumer and its loop, and end both."""
    async with consumer:
        loop = asyncio.create_task(consumer.run())
        try:
            yield consumer
        finally:
            loop.cancel()
            await asyncio.wait({loop})
