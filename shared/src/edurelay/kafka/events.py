"""Domain events for services inside: `async for event in events`, committed behind whoever has handled them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Self

from edurelay.events.domain import DomainEvent
from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.patterns import matches
from edurelay.events.topics import EVENTS, Topic
from edurelay.kafka.consumer import Assignment, Batch, Consumer
from edurelay.kafka.handler import Received
from edurelay.runtime.logging import get_logger

_log = get_logger(__name__)

#: What a group's name in Kafka begins with, so that it is never one of the hub's own.
GROUP_PREFIX = "events-"


class EventConsumer:
    """The events of `types` (patterns such as `student.*`) and `tenants` (all, unless some are named), one at a time.

    Used as `async with EventConsumer(…) as events: async for event in events: …`. To ask for the next event says that
    the one before is handled, and so does leaving the block without an error. What an error, a cancellation or a kill
    leaves unhandled comes again, to this process or another of the `group`, which shares the partitions among its
    members. Events of one subject come in their order.

    A new group begins with the oldest event that the log has. Up to `prefetch` events of each partition are read
    ahead. Where partitions move to another member, what was read ahead of them may still be handled within
    `drain_seconds`. `instance` is as in `Consumer`.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str,
        types: Collection[str] = ("*",),
        tenants: Collection[str] | None = None,
        prefetch: int = 16,
        drain_seconds: float = 20.0,
        instance: str = "",
        topic: Topic = EVENTS,
    ) -> None:
        if isinstance(types, str) or isinstance(tenants, str):
            raise TypeError("types and tenants are collections of texts")
        self._types = tuple(types)
        self._tenants = None if tenants is None else frozenset(tenants)
        self._waiting: deque[tuple[Batch, int, DomainEvent]] = deque()
        self._current: tuple[Batch, int] | None = None
        self._news = asyncio.Event()
        self._stopping = False
        self._consumer = Consumer(
            bootstrap,
            group=GROUP_PREFIX + group,
            topics=[topic],
            handler=self,
            max_records=max(1, prefetch // 2),
            max_unfinished=prefetch,
            drain_seconds=drain_seconds,
            instance=instance,
        )

    async def __aenter__(self) -> Self:
        """Connect and join the group. Raises `KafkaUnavailable`; later outages are waited out."""
        await self._consumer.__aenter__()
        self._reading = asyncio.create_task(self._consumer.run())
        self._reading.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what was handled, give back what was only read ahead, and leave the group."""
        if kind is None:
            self._acknowledge()
        self._consumer.drain_seconds = 0
        try:
            await self._consumer.__aexit__(kind, error, trace)
        finally:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    def __aiter__(self) -> AsyncIterator[DomainEvent]:
        return self

    async def __anext__(self) -> DomainEvent:
        self._acknowledge()
        while not self._stopping:
            if self._waiting:
                batch, offset, event = self._waiting.popleft()
                self._current = batch, offset
                return event
            if self._reading.done():
                self._reading.result()
                break
            self._news.clear()
            await self._news.wait()
        raise StopAsyncIteration

    def stop(self) -> None:
        """End the iteration behind the event that is being handled; to be called by a signal handler, for instance."""
        self._stopping = True
        self._news.set()

    def _acknowledge(self) -> None:
        if self._current is not None:
            batch, offset = self._current
            self._current = None
            batch.done(offset)

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Nothing to prepare."""

    async def handle(self, batch: Batch) -> None:
        """Put what is wanted of the batch behind what waits already."""
        for received in batch.messages:
            event = self._wanted(batch, received)
            if event is not None:
                self._waiting.append((batch, received.offset, event))
        self._news.set()

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Forget what waits: a rebalance takes all partitions away, and whoever gets them reads it again."""
        self._waiting.clear()

    def _wanted(self, batch: Batch, received: Received) -> DomainEvent | None:
        try:
            event = Event.from_message(received.headers, received.value)
            if self._takes(event):
                return DomainEvent.of(event)
        except MalformedEvent as error:
            # Nobody can work with it, and to wait for it to become an event would keep all behind it from coming.
            _log.error(
                "a message is passed over",
                topic=received.topic,
                partition=received.partition,
                offset=received.offset,
                reason=str(error),
            )
        batch.done(received.offset)
        return None

    def _takes(self, event: Event) -> bool:
        if self._tenants is not None and event.tenant not in self._tenants:
            return False
        return any(matches(pattern, event.type) for pattern in self._types)
