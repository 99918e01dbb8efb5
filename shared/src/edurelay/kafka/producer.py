"""The producer: a message is in Kafka when `send` returns, and nothing waits for ever.

aiokafka's idempotent producer retries without end, also while it is being stopped, and once a batch of it has failed
its sequence numbers may have a gap that the broker refuses from then on. So every wait here has a deadline, and a
producer that failed or fell silent is replaced by a fresh one in the background.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Self

from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from edurelay.events.envelope import Message
from edurelay.kafka.deadlines import Deadlines
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.incarnation import Incarnation
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger

_log = get_logger(__name__)

#: How long a replaced producer may finish what it has under way.
_PATIENCE = 1.0

#: These come from queueing a message, before it has a place in a partition's sequence.
_HARMLESS = (KafkaTimeoutError, UnknownTopicOrPartitionError)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message is. The offset is -1 where Kafka had the message already and no longer knows the offset."""

    partition: int
    offset: int


class Producer:
    """Sends messages, idempotent and acknowledged by all replicas. Start and end it as a context manager."""

    def __init__(self, bootstrap: str, *, client_id: str, timeout: float = 10.0) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._timeout = timeout
        self._current: Incarnation | None = None
        self._started = asyncio.Event()
        self._closed = False
        self._starting: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Connect. Raises `KafkaUnavailable` if that takes longer than the timeout."""
        self._deadlines = Deadlines(self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                await self._start()
        except TimeoutError as error:
            raise KafkaUnavailable(f"{self._bootstrap} did not answer in {self._timeout:g} s") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is under way, within the timeout."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._current is not None:
            self._retire(self._current, self._timeout / 2)
            self._current = None
        self._started.set()
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def send(self, message: Message) -> Position:
        """Send one message and return its position once all replicas have it.

        Raises `KafkaUnavailable` within the timeout, when nobody knows whether it was written, or `MessageTooLarge`.
        """
        began = perf_counter()
        incarnation = self._current
        try:
            with self._deadlines.start():
                if incarnation is None:
                    incarnation = await self._next()
                position = Position(*await incarnation.send(message))
        except MessageTooLarge:
            metrics.PRODUCE_FAILURES.of("too_large").inc()
            raise
        except (KafkaError, KafkaUnavailable, TimeoutError) as error:
            raise self._failure(incarnation, error) from error
        metrics.PRODUCE_SECONDS.of().observe(perf_counter() - began)
        metrics.PRODUCED.of(message.topic).inc()
        return position

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Send many messages, those of one key in their order, and return once all replicas have all of them.

        Raises `KafkaUnavailable` within the timeout, when any of them may or may not have been written, or
        `MessageTooLarge`, when none was.
        """
        if not messages:
            return
        began = perf_counter()
        incarnation = self._current
        try:
            with self._deadlines.start():
                if incarnation is None:
                    incarnation = await self._next()
                await incarnation.send_all(messages)
        except MessageTooLarge:
            metrics.PRODUCE_FAILURES.of("too_large").inc()
            raise
        except (KafkaError, KafkaUnavailable, TimeoutError) as error:
            raise self._failure(incarnation, error) from error
        metrics.PRODUCE_SECONDS.of().observe(perf_counter() - began)
        for topic, count in Counter(message.topic for message in messages).items():
            metrics.PRODUCED.of(topic).inc(count)

    async def ping(self) -> None:
        """Return if a broker answers. Raises `KafkaUnavailable`."""
        incarnation = self._current
        if incarnation is None:
            raise KafkaUnavailable("no producer is connected")
        try:
            with self._deadlines.start():
                answered = await incarnation.ask()
        except TimeoutError as error:
            raise KafkaUnavailable(str(error)) from error
        if not answered:
            raise KafkaUnavailable("no broker answers")

    async def _next(self) -> Incarnation:
        while self._current is None:
            if self._closed:
                raise KafkaUnavailable("the producer is closed")
            await self._started.wait()
        return self._current

    async def _start(self) -> None:
        delay = 0.1
        while True:
            try:
                self._current = await Incarnation.start(self._bootstrap, self._client_id, self._timeout)
            except KafkaUnavailable as error:
                _log.warning("the producer cannot connect, and tries again", reason=str(error))
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
            else:
                self._started.set()
                return

    def _failure(self, incarnation: Incarnation | None, error: Exception) -> Exception:
        """Return what to raise for a failed send; replace the producer where it may not work any more."""
        if incarnation is not None and not isinstance(error, _HARMLESS):
            self._replace(incarnation, error)
        if isinstance(error, MessageSizeTooLargeError):
            metrics.PRODUCE_FAILURES.of("too_large").inc()
            return MessageTooLarge(str(error))
        late = isinstance(error, TimeoutError | KafkaTimeoutError)
        metrics.PRODUCE_FAILURES.of("timeout" if late else "refused").inc()
        return KafkaUnavailable(str(error))

    def _replace(self, incarnation: Incarnation, reason: Exception) -> None:
        if self._current is not incarnation or self._closed:
            return
        _log.warning("the producer is replaced", reason=str(reason))
        metrics.PRODUCER_REPLACEMENTS.of().inc()
        self._current = None
        self._started.clear()
        self._retire(incarnation, _PATIENCE)
        self._starting = asyncio.create_task(self._start())

    def _retire(self, incarnation: Incarnation, patience: float) -> None:
        task = asyncio.create_task(incarnation.retire(patience))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
