"""The consumer: bounded hand-over, order for each partition, commit of the lowest finished offset, drain at the end.

The poll loop does no work of its own: it puts messages into lanes, which hand them to the handler. Committing,
draining at a rebalance and coming back after an outage happen here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from aiokafka.errors import ConsumerStoppedError, KafkaError

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Assignment, Batch, Handler, Received
from edurelay.kafka.lane import Lane
from edurelay.kafka.membership import Membership
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger

__all__ = ["Assignment", "AssignmentRefused", "Batch", "Consumer", "Handler", "Received"]

_log = get_logger(__name__)

#: How often offsets are committed at most, how long a commit may take, and how long the last one of a partition.
_COMMIT_EVERY, _COMMIT_SECONDS, _LAST_COMMIT_SECONDS = 0.2, 5.0, 3.0

#: How long the poll loop waits for messages.
_POLL_SECONDS = 1.0

#: How long a handler may take to stop work on what is taken from it.
_REVOKE_SECONDS = 5.0

#: The pause before connecting again, in seconds, and what it grows to.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class AssignmentRefused(Exception):
    """The handler cannot take its partitions over; the message says why, the cause is chained."""


class Consumer:
    """A member of a consumer group that hands messages to `handler`. `max_unfinished` counts for each partition."""

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str,
        topics: Sequence[Topic],
        handler: Handler,
        max_records: int = 500,
        max_unfinished: int = 2000,
        drain_seconds: float = 20.0,
        instance: str = "",
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = topics
        self._handler = handler
        self._max_records = min(max_records, max_unfinished)
        self._max_unfinished = max_unfinished
        self._drain_seconds = drain_seconds
        self._instance = instance
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._generation = 0
        self._changing = asyncio.Lock()
        self._moved = asyncio.Event()
        self._committing = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Connect and join the group. Raises `KafkaUnavailable`."""
        self._member = self._new_member()
        await self._member.start()
        self._committer = asyncio.create_task(self._keep_committing())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was handed over, commit, and leave the group."""
        self._stopping.set()
        try:
            await self._release(self._drain_seconds)
        finally:
            self._committer.cancel()
            await self._member.stop()

    async def run(self) -> None:
        """Read and hand over for ever. Raises `AssignmentRefused`."""
        pause, broken = _FIRST_PAUSE, False
        while not self._stopping.is_set():
            try:
                if broken:
                    await self._join_again()
                    broken = False
                await self._take_over()
                await self._read()
                pause = _FIRST_PAUSE
            except (KafkaError, KafkaUnavailable, ConsumerStoppedError, asyncio.CancelledError) as error:
                if self._stopping.is_set() or _is_cancelled():
                    if isinstance(error, asyncio.CancelledError):
                        raise
                    return
                broken = True
                _log.warning("the consumer connects again", group=self._group, pause=pause, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def lag(self) -> dict[tuple[str, int], int]:
        """Return how many messages of each assigned partition are not finished yet, read or not."""
        return {place: self._lag(lane) for place, lane in self._lanes.items()}

    def _lag(self, lane: Lane) -> int:
        end = self._member.end(lane.topic, lane.partition)
        return max(0, (lane.end if end is None else end) - lane.position)

    def _new_member(self) -> Membership:
        return Membership(
            self._bootstrap,
            self._group,
            self._topics,
            instance=self._instance,
            drain_seconds=self._drain_seconds,
            on_revoked=lambda: self._release(self._drain_seconds),
        )

    async def _join_again(self) -> None:
        await self._release(_REVOKE_SECONDS)
        await self._member.stop()
        self._member, self._generation = self._new_member(), 0
        await self._member.start()

    async def _take_over(self) -> None:
        """Open lanes for an assignment that came since the last look."""
        if self._generation == self._member.generation or self._stopping.is_set():
            return
        async with self._changing:
            generation = self._member.generation
            assignments = await self._member.assignments()
            if assignments:
                await self._tell_assigned(assignments)
            if generation != self._member.generation:
                if assignments:
                    await self._tell_revoked([(each.topic, each.partition) for each in assignments])
                return
            self._generation = generation
            self._lanes = {(each.topic, each.partition): self._lane(each) for each in assignments}
        if assignments:
            metrics.REBALANCES.of(self._group).inc()
            _log.info("partitions assigned", group=self._group, partitions=sorted(self._lanes))

    def _lane(self, assignment: Assignment) -> Lane:
        return Lane(
            assignment,
            self._handler,
            max_records=self._max_records,
            max_unfinished=self._max_unfinished,
            changed=self._moved.set,
            room=lambda lane: self._member.resume(lane.topic, lane.partition),
        )

    async def _read(self) -> None:
        found = await self._member.poll(_POLL_SECONDS, self._max_records)
        for place, messages in found.items():
            # Messages of an assignment that was not taken over yet are read again when it is.
            lane = self._lanes.get(place)
            if lane is not None:
                lane.accept(messages)
                if lane.full:
                    self._member.pause(*place)
        if not found:
            self._show(self._lanes.values())

    async def _keep_committing(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            if not await self._commit(self._lanes, _COMMIT_SECONDS):
                self._moved.set()
            self._show(self._lanes.values())
            await asyncio.sleep(_COMMIT_EVERY)

    async def _commit(self, lanes: dict[tuple[str, int], Lane], seconds: float) -> bool:
        """Commit where the lanes are. One at a time: an older commit that is late must not undo a newer one."""
        try:
            async with asyncio.timeout(seconds), self._committing:
                offsets = {place: lane.position for place, lane in lanes.items() if lane.position != lane.committed}
                if offsets:
                    await self._member.commit(offsets)
                for place, offset in offsets.items():
                    lanes[place].committed = offset
        except (KafkaError, TimeoutError) as error:
            # Normal in a rebalance, and harmless: the messages come again.
            _log.info("offsets were not committed", group=self._group, reason=str(error) or "no answer in time")
            return False
        return True

    async def _release(self, seconds: float) -> None:
        """Give all partitions back: drain, tell the handler, commit."""
        try:
            async with asyncio.timeout(seconds):
                await self._changing.acquire()
        except TimeoutError:
            # The handler still prepares for an assignment, which is void by now; no lane was opened for it.
            return
        try:
            lanes, self._lanes = self._lanes, {}
            if lanes:
                await self._close(lanes, seconds)
        finally:
            self._changing.release()

    async def _close(self, lanes: dict[tuple[str, int], Lane], seconds: float) -> None:
        try:
            await asyncio.gather(*(lane.drain(seconds) for lane in lanes.values()))
            await self._tell_revoked(list(lanes))
        finally:
            await self._commit(lanes, _LAST_COMMIT_SECONDS)
            for (topic, partition), lane in lanes.items():
                lane.close()
                metrics.CONSUMER_LAG.forget(self._group, topic, str(partition))
            _log.info(
                "partitions given back",
                group=self._group,
                partitions=sorted(lanes),
                unfinished=sum(lane.unfinished for lane in lanes.values()),
            )

    async def _tell_assigned(self, assignments: list[Assignment]) -> None:
        try:
            await self._handler.assigned(assignments)
        except Exception as error:
            # The handler may refuse for any reason, and none of them is an outage of Kafka.
            raise AssignmentRefused(f"{type(error).__name__}: {error}") from error

    async def _tell_revoked(self, partitions: list[tuple[str, int]]) -> None:
        try:
            async with asyncio.timeout(_REVOKE_SECONDS):
                await self._handler.revoked(partitions)
        except Exception as error:
            # The partitions go in any case; the handler's trouble must not keep their offsets from being committed.
            _log.error("the handler did not give its partitions back", group=self._group, exc_info=error)

    def _show(self, lanes: Iterable[Lane]) -> None:
        unfinished: dict[str, int] = {}
        for lane in lanes:
            metrics.CONSUMER_LAG.of(self._group, lane.topic, str(lane.partition)).set(self._lag(lane))
            unfinished[lane.topic] = unfinished.get(lane.topic, 0) + lane.unfinished
        for topic, count in unfinished.items():
            metrics.CONSUMER_UNFINISHED.of(self._group, topic).set(count)


def _is_cancelled() -> bool:
    """Tell whether this task was cancelled, and not only what it waited for, as the client does to whoever waits for a
    connection that it closes."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
