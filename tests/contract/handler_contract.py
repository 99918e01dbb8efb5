"""What every Kafka `Handler` keeps. A test file for an implementation derives a class and gives it a `subject`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edurelay.kafka.handler import Assignment, Batch, Handler, Received

SECONDS = 5.0


class Subject(Protocol):
    """A handler, and messages that it can make something of."""

    topic: str

    @property
    def handler(self) -> Handler:
        """The handler."""

    def good(self, number: int) -> tuple[bytes, bytes]:
        """Return the key and value of a message that can be processed."""

    def malformed(self) -> bytes:
        """Return a value that can never be processed."""


@dataclass
class Ledger:
    """Stands where the consumer would: hands batches over and notes what is finished."""

    subject: Subject
    finished: set[int] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def batch(self, pairs: Sequence[tuple[bytes, bytes | None]], first: int = 0) -> Batch:
        """Return a batch of these messages, the first at the offset `first`."""
        topic = self.subject.topic
        messages = [
            Received(topic, 0, first + index, 1_700_000_000_000, key, value, ())
            for index, (key, value) in enumerate(pairs)
        ]
        return Batch(topic, 0, messages, self._finish)

    async def until(self, offsets: set[int]) -> None:
        """Return when all of `offsets` are finished."""
        async with asyncio.timeout(SECONDS):
            while not offsets <= self.finished:
                self.changed.clear()
                await self.changed.wait()

    def _finish(self, offsets: Sequence[int], outcome: str) -> None:
        self.finished.update(offsets)
        self.changed.set()


class HandlerContract:
    """The rules, as tests."""

    async def test_every_message_is_finished(self, subject: Subject) -> None:
        ledger = Ledger(subject)
        await subject.handler.assigned([Assignment(subject.topic, 0, 0, 0)])
        await subject.handler.handle(ledger.batch([subject.good(number) for number in range(20)]))
        await ledger.until(set(range(20)))

    async def test_a_message_that_comes_again_is_finished_again(self, subject: Subject) -> None:
        await subject.handler.assigned([Assignment(subject.topic, 0, 0, 0)])
        for _ in range(2):
            ledger = Ledger(subject)
            await subject.handler.handle(ledger.batch([subject.good(1)]))
            await ledger.until({0})

    async def test_a_malformed_message_is_finished_and_so_are_its_neighbours(self, subject: Subject) -> None:
        ledger = Ledger(subject)
        await subject.handler.assigned([Assignment(subject.topic, 0, 0, 0)])
        key, _ = subject.good(1)
        await subject.handler.handle(ledger.batch([subject.good(1), (key, subject.malformed()), subject.good(2)]))
        await ledger.until({0, 1, 2})

    async def test_a_partition_can_be_revoked_and_assigned_again(self, subject: Subject) -> None:
        begun, again = Ledger(subject), Ledger(subject)
        pairs = [subject.good(number) for number in range(5)]
        await subject.handler.assigned([Assignment(subject.topic, 0, 0, 0)])
        await subject.handler.handle(begun.batch(pairs))
        async with asyncio.timeout(SECONDS):
            await subject.handler.revoked([(subject.topic, 0)])
        await subject.handler.assigned([Assignment(subject.topic, 0, 0, 5)])
        await subject.handler.handle(again.batch(pairs))
        await again.until(set(range(5)))

    async def test_nothing_assigned_and_nothing_revoked_is_fine(self, subject: Subject) -> None:
        await subject.handler.assigned([])
        await subject.handler.revoked([])
