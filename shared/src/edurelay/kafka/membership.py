"""One membership in a consumer group: aiokafka's consumer with settings that lose nothing, and an end that comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Assignment, Received
from edurelay.runtime.logging import get_logger
from edurelay.runtime.together import together

_log = get_logger(__name__)

#: After how long without a heartbeat a member counts as dead and others get its partitions: what it had in hand is to
#: come again within 15 seconds.
SESSION_SECONDS, HEARTBEAT_SECONDS = 10, 2

#: How long the offsets of a new assignment may take to be found.
_OFFSETS_SECONDS = 30.0


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of `group`. `on_revoked` is awaited before a rebalance takes the partitions away.

    A process with an `instance` name of its own that dies and comes back under it has its partitions again at once;
    without one, the group waits for the dead member until its session is over.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[Topic],
        *,
        instance: str,
        drain_seconds: float,
        on_revoked: Callable[[], Awaitable[None]],
    ) -> None:
        self._topics = [topic.name for topic in topics]
        self._on_revoked = on_revoked
        #: Grows with each assignment and each revocation; `assigned` is what it last brought.
        self.generation = 0
        self.assigned: Collection[TopicPartition] = ()
        # A rebalance waits until each member has drained, and the join request of the others as long as that.
        rebalance_ms = int(drain_seconds * 1000) + 15_000
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id=group,
            group_id=group,
            group_instance_id=f"{group}-{instance}" if instance else None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # The assignor keeps its memory in its class, where the consumers of a process would mix theirs up.
            partition_assignment_strategy=[type("Sticky", (StickyPartitionAssignor,), {})],
            session_timeout_ms=SESSION_SECONDS * 1000,
            heartbeat_interval_ms=HEARTBEAT_SECONDS * 1000,
            rebalance_timeout_ms=rebalance_ms,
            request_timeout_ms=rebalance_ms + 5_000,
            # A poll for idle partitions delays the busy ones of the same broker by as much.
            fetch_max_wait_ms=100,
            fetch_min_bytes=1,
            # In an outage every try is logged.
            retry_backoff_ms=250,
            fetch_max_bytes=8 * 1024 * 1024,
            max_partition_fetch_bytes=1024 * 1024,
        )

    async def start(self) -> None:
        """Connect, and join in the background. Raises `KafkaUnavailable`."""
        try:
            await self._consumer.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, KafkaError):
                raise KafkaUnavailable(f"no consumer could be started: {error}") from error
            raise
        self._consumer.subscribe(self._topics, listener=self)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before it joins again; heartbeats go on meanwhile."""
        self.generation += 1
        self.assigned = ()
        await self._on_revoked()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka when it has joined. What the partitions need is done in the poll loop."""
        self.generation += 1
        self.assigned = assigned

    async def assignments(self) -> list[Assignment]:
        """Return the assigned partitions with their offsets, and read them from there; nothing where they changed
        meanwhile. Raises `KafkaError` or `KafkaUnavailable`."""
        partitions = sorted(self.assigned)
        if not partitions:
            return []
        generation = self.generation
        try:
            async with asyncio.timeout(_OFFSETS_SECONDS):
                beginnings = await self._consumer.beginning_offsets(partitions)
                ends = await self._consumer.end_offsets(partitions)
                committed = await together(*(self._consumer.committed(partition) for partition in partitions))
        except TimeoutError as error:
            raise KafkaUnavailable("the offsets of the assigned partitions could not be found") from error
        if generation != self.generation:
            return []
        found = []
        for partition, offset in zip(partitions, committed, strict=True):
            position = max(offset or 0, beginnings[partition])
            found.append(Assignment(partition.topic, partition.partition, position, ends[partition]))
        for each in found:
            self._consumer.seek(TopicPartition(each.topic, each.partition), each.position)
        return found

    async def poll(self, seconds: float, max_records: int) -> dict[tuple[str, int], list[Received]]:
        """Return messages by partition, nothing after `seconds` without any. Raises `KafkaError` or
        `KafkaUnavailable`."""
        if self._consumer._fetcher.error_future.done():
            raise KafkaUnavailable("aiokafka's fetching task has died, which it tells nobody")
        records = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=max_records)
        return {tuple(place): [Received.of(record) for record in found] for place, found in records.items()}

    def pause(self, topic: str, partition: int) -> None:
        """Read no more of a partition."""
        self._consumer.pause(TopicPartition(topic, partition))

    def resume(self, topic: str, partition: int) -> None:
        """Read a partition again, where it is still assigned."""
        place = TopicPartition(topic, partition)
        if place in self._consumer.assignment():
            self._consumer.resume(place)

    def end(self, topic: str, partition: int) -> int | None:
        """Return the offset after the last message that the broker told of, if it did."""
        place = TopicPartition(topic, partition)
        end: int | None = self._consumer.highwater(place) if place in self._consumer.assignment() else None
        return end

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit offsets. Raises `KafkaError`; without a broker it tries for ever."""
        await self._consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})

    async def stop(self) -> None:
        """Leave the group and end, also when no broker answers."""
        try:
            async with asyncio.timeout(5):
                await self._consumer.stop()
            return
        except (KafkaError, TimeoutError) as error:
            _log.warning("the consumer is ended by force", reason=str(error) or "no answer in time")
        # What `stop` would have gone on to, each with the time that it takes to cancel a task and close a socket.
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        rest = [self._consumer._client.close]
        if fetcher is not None:
            rest.insert(0, fetcher.close)
        if coordinator is not None:
            rest[:0] = [coordinator._stop_heartbeat_task, coordinator._stop_commit_offsets_refresh_task]
        for end in rest:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await end()
