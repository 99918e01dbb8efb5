"""A lane: the way of one assigned partition through its handler."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from edurelay.kafka.handler import Assignment, Batch, Handler, Received
from edurelay.kafka.progress import OffsetTracker
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger

_log = get_logger(__name__)

#: The pause after a handler's error, in seconds, and what it grows to.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0

#: One message that does not finish must not let those behind it pile up: this many times the limit of unfinished ones.
_SPAN = 10


class Lane:
    """Hands a partition's messages to the handler, one batch at a time, and knows which are finished.

    `changed` is called when the position moved on, `room` when a full lane can take messages again.
    """

    def __init__(
        self,
        assignment: Assignment,
        handler: Handler,
        *,
        max_records: int,
        max_unfinished: int,
        changed: Callable[[], None],
        room: Callable[[Lane], None],
    ) -> None:
        self.topic = assignment.topic
        self.partition = assignment.partition
        self.end = assignment.end
        self.committed = assignment.position
        self.full = False
        self._handler = handler
        self._max_records = max_records
        self._max_unfinished = max_unfinished
        self._changed = changed
        self._room = room
        self._tracker = OffsetTracker(assignment.position)
        self._queue: deque[list[Received]] = deque()
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()
        self._drained = asyncio.Event()
        self._worker = asyncio.create_task(self._work())

    @property
    def position(self) -> int:
        """The offset to commit."""
        return self._tracker.position

    @property
    def unfinished(self) -> int:
        """How many messages were taken in and are not finished."""
        return self._tracker.unfinished

    def accept(self, messages: list[Received]) -> None:
        """Take messages in. The lane is `full` afterwards where it could not take as many again."""
        if self._closing.is_set():
            return
        if messages[0].offset < self._tracker.next:
            self._start_over(messages[0].offset)
        self._tracker.add([message.offset for message in messages])
        if self._queue and len(self._queue[-1]) + len(messages) <= self._max_records:
            self._queue[-1].extend(messages)
        else:
            self._queue.append(messages)
        self._filled.set()
        self.full = not self._has_room(self._max_records)

    async def drain(self, seconds: float) -> None:
        """Hand over nothing more, and return when all that was handed over is finished, or time is up."""
        self._closing.set()
        self._filled.set()
        if self._queue:
            self._tracker.withdraw(self._queue[0][0].offset)
            self._queue.clear()
        self._check_drained()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.wait({self._worker})
                await self._drained.wait()
        # A handler that holds on to its batch is interrupted; one that ignores that is left behind.
        self._worker.cancel()
        await asyncio.wait({self._worker}, timeout=1)

    def close(self) -> None:
        """Count nothing as finished from now on: the partition may be somebody else's."""
        self._closing.set()
        self._worker.cancel()
        self._tracker = OffsetTracker(self._tracker.position)

    async def _work(self) -> None:
        while not self._closing.is_set():
            if self._queue:
                await self._hand_over(self._queue.popleft())
            else:
                self._filled.clear()
                await self._filled.wait()

    async def _hand_over(self, messages: list[Received]) -> None:
        pause, tracker = _FIRST_PAUSE, self._tracker
        finish = partial(self._finish, tracker)
        while messages:
            try:
                await self._handler.handle(Batch(self.topic, self.partition, messages, finish))
            except (Exception, asyncio.CancelledError) as error:
                # Whether a store is away or the handler is wrong: to go on without these messages would lose them.
                if isinstance(error, asyncio.CancelledError) and self._worker.cancelling():
                    raise
                metrics.CONSUMER_RETRIES.of(self.topic).inc()
                _log.warning(
                    "a batch failed and is handed over again",
                    topic=self.topic,
                    partition=self.partition,
                    offset=messages[0].offset,
                    pause=pause,
                    exc_info=error,
                )
            else:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            if self._closing.is_set() or tracker is not self._tracker:
                tracker.withdraw(messages[0].offset)
                self._check_drained()
                return
            pause = min(2 * pause, _LONGEST_PAUSE)
            messages = [message for message in messages if not tracker.is_finished(message.offset)]

    def _finish(self, tracker: OffsetTracker, offsets: Sequence[int], outcome: str) -> None:
        if tracker is not self._tracker:
            return
        before = tracker.position
        count = tracker.finish(offsets)
        if not count:
            return
        metrics.CONSUMED.of(self.topic, outcome).inc(count)
        if tracker.position != before:
            self._changed()
        if self.full and self._has_room(max(self._max_records, self._max_unfinished // 2)):
            self.full = False
            self._room(self)
        self._check_drained()

    def _has_room(self, messages: int) -> bool:
        tracker, most = self._tracker, self._max_unfinished
        return tracker.unfinished + messages <= most and tracker.span + messages <= _SPAN * most

    def _check_drained(self) -> None:
        if self._closing.is_set() and not self._tracker.unfinished:
            self._drained.set()

    def _start_over(self, offset: int) -> None:
        """The log went back: what was read is not what is there now, so nothing that was begun counts any more."""
        _log.warning("the partition's offsets went back", topic=self.topic, partition=self.partition, offset=offset)
        self._queue.clear()
        self._tracker = OffsetTracker(offset)
        self._changed()
