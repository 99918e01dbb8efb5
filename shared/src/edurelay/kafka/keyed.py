"""One message at a time for each key, many keys at once; what cannot be processed becomes a dead letter."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import DEAD_LETTERED, DONE, Assignment, Batch, Received
from edurelay.runtime.logging import get_logger
from edurelay.runtime.tracing import continue_trace

_log = get_logger(__name__)

#: The pause before another attempt, in seconds, doubled each time up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0

#: How long a revocation waits for what it has cancelled.
_CANCEL_SECONDS = 3.0

#: Why a message became a dead letter.
MALFORMED, ATTEMPTS_EXHAUSTED = "malformed", "attempts_exhausted"

#: For how long a message is put off again and again, in seconds.
_LONGEST_WAIT = 3600.0

Place = tuple[str, int, bytes]


class Later(Exception):
    """What `process` raises where it was told not to ask again for `seconds`. That is no attempt."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after `pause` seconds."""

    pause: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Decides what happens after an error: how often it is tried again, and which errors are nobody's fault."""

    attempts: int
    retry_on: tuple[type[BaseException], ...]

    def blames(self, error: BaseException) -> bool:
        """Tell whether the message may be at fault, so that this attempt counts."""
        return not isinstance(error, (Later, *self.retry_on))

    def after(self, error: BaseException, failures: int, attempt: int, waited: float = 0.0) -> Again | GiveUp:
        """Return what to do when an attempt has failed, `failures` of them for a reason that counts, `waited` seconds
        after the first."""
        if isinstance(error, Later):
            return Again(error.seconds) if waited + error.seconds <= _LONGEST_WAIT else GiveUp(ATTEMPTS_EXHAUSTED)
        if self.blames(error):
            if isinstance(error, ValueError):
                return GiveUp(MALFORMED)
            if failures >= self.attempts:
                return GiveUp(ATTEMPTS_EXHAUSTED)
        pause = min(_FIRST_PAUSE * 2 ** min(attempt - 1, 16), _LONGEST_PAUSE)
        return Again(pause * random.uniform(0.8, 1.2))


class KeyedHandler:
    """A `Handler` around `process`, which may be given a message again and so has to be idempotent.

    An error in `retry_on`, or Kafka being unavailable, is tried again for ever; a `ValueError`, such as a malformed
    message, is not tried again; `Later` is tried again when it says, for an hour at most; anything else is tried
    `attempts` times. Keys wait for their own messages only: a key
    that pauses before another attempt keeps nobody from working.
    """

    def __init__(
        self,
        process: Callable[[Received], Awaitable[None]],
        *,
        dead_letters: DeadLetters,
        concurrency: int = 16,
        attempts: int = 5,
        retry_on: tuple[type[Exception], ...] = (),
    ) -> None:
        self._process = process
        self._dead_letters = dead_letters
        self._patience = Patience(attempts, (*retry_on, KafkaUnavailable))
        self._turns = asyncio.Semaphore(concurrency)
        self._queues: dict[Place, deque[tuple[Batch, Received]]] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Nothing to prepare."""

    async def handle(self, batch: Batch) -> None:
        """Put each message behind those of its key."""
        for received in batch.messages:
            place = (batch.topic, batch.partition, received.key)
            queue = self._queues.get(place)
            if queue is not None:
                queue.append((batch, received))
                continue
            self._queues[place] = deque([(batch, received)])
            self._tasks[place] = asyncio.create_task(self._work_through(place))

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Break off what is under way in these partitions, and wait until it has ended."""
        lost = set(partitions)
        tasks = [self._drop(place) for place in list(self._queues) if place[:2] in lost]
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)

    def _drop(self, place: Place) -> asyncio.Task[None]:
        del self._queues[place]
        task = self._tasks.pop(place)
        task.cancel()
        return task

    async def _work_through(self, place: Place) -> None:
        queue = self._queues[place]
        while queue:
            batch, received = queue[0]
            with continue_trace(received.header("traceparent")):
                outcome = await self._finish(received)
            batch.done(received.offset, outcome)
            queue.popleft()
        del self._queues[place], self._tasks[place]

    async def _finish(self, received: Received) -> str:
        attempt = failures = 0
        began = time.monotonic()
        while True:
            attempt += 1
            error = await self._attempt(received)
            if error is None:
                return DONE
            failures += self._patience.blames(error)
            decision = self._patience.after(error, failures, attempt, time.monotonic() - began)
            if isinstance(decision, GiveUp):
                await self._bury(received, decision.reason, error, attempt)
                return DEAD_LETTERED
            _log.warning(
                "a message is tried again",
                topic=received.topic,
                partition=received.partition,
                offset=received.offset,
                attempt=attempt,
                exc_info=error,
            )
            await asyncio.sleep(decision.pause)

    async def _attempt(self, received: Received) -> BaseException | None:
        async with self._turns:
            try:
                await self._process(received)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                return error  # Something that `process` waited for was cancelled, which is an error like any other.
            except Exception as error:
                # What to do about which error is decided in one place, by `Patience`.
                return error
        return None

    async def _bury(self, received: Received, reason: str, error: BaseException, attempts: int) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._dead_letters.send(received, reason=reason, error=error, attempts=attempts)
            except KafkaUnavailable as unavailable:
                _log.warning("a dead letter waits for Kafka", topic=received.topic, reason=str(unavailable))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return
