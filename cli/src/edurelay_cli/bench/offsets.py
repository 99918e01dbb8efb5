"""How far topics reach, and how far their readers have come."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from edurelay.events.topics import Topic


class Offsets:
    """Asks the broker, and reads nothing."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await self._admin.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()
        await self._consumer.stop()

    async def written(self, topic: Topic) -> int:
        """Return how many messages were ever written to a topic."""
        return sum((await self._ends(topic)).values())

    async def lag(self, group: str, topic: Topic) -> int:
        """Return how many messages of a topic a group has not committed."""
        committed = await self._admin.list_consumer_group_offsets(group)
        ends = await self._ends(topic)
        return sum(
            end - max(0, committed[partition].offset if partition in committed else 0)
            for partition, end in ends.items()
        )

    async def _ends(self, topic: Topic) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(
            [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        )
        return ends
