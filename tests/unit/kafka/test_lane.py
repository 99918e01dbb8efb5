"""A lane hands over one batch at a time, loses nothing to errors, and stops when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from edurelay.kafka.handler import Assignment, Batch, Received
from edurelay.kafka.lane import Lane

SECONDS = 5.0


class Recorder:
    """A handler that notes what it gets and does what it was made for with it."""

    def __init__(self, act: Callable[[Batch], Awaitable[None]]) -> None:
        self.batches: list[list[int]] = []
        self._act = act
        self._changed = asyncio.Event()

    async def assigned(self, assignments: Sequence[Assignment]) -> None: ...

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None: ...

    async def handle(self, batch: Batch) -> None:
        self.batches.append([message.offset for message in batch.messages])
        self._changed.set()
        await self._act(batch)

    async def until(self, batches: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.batches) < batches:
                self._changed.clear()
                await self._changed.wait()


async def finish_all(batch: Batch) -> None:
    batch.all_done()


async def leave(batch: Batch) -> None:
    """Finish nothing."""


async def everything_that_is_ready() -> None:
    """Let all tasks go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def messages(*offsets: int) -> list[Received]:
    return [Received("t", 0, offset, 0, b"k", b"v", ()) for offset in offsets]


class Yard:
    """A lane, and what it reported."""

    def __init__(self, handler: Recorder, *, max_records: int = 4, max_unfinished: int = 8) -> None:
        self.rooms = 0
        self.moved = asyncio.Event()
        self.lane = Lane(
            Assignment("t", 0, 0, 0),
            handler,
            max_records=max_records,
            max_unfinished=max_unfinished,
            changed=self.moved.set,
            room=self._room,
        )

    def _room(self, lane: Lane) -> None:
        self.rooms += 1

    async def until_at(self, position: int) -> None:
        async with asyncio.timeout(SECONDS):
            while self.lane.position != position:
                self.moved.clear()
                await self.moved.wait()

    async def close(self) -> None:
        await self.lane.drain(0)
        self.lane.close()


async def test_while_a_batch_is_worked_on_the_next_ones_are_gathered() -> None:
    go = asyncio.Event()

    async def act(batch: Batch) -> None:
        await go.wait()
        batch.all_done()

    handler = Recorder(act)
    yard = Yard(handler)
    yard.lane.accept(messages(0))
    await handler.until(1)
    for offset in range(1, 6):
        yard.lane.accept(messages(offset))
    go.set()
    await yard.until_at(6)
    assert handler.batches == [[0], [1, 2, 3, 4], [5]]
    await yard.close()


async def test_a_lane_is_full_before_it_could_exceed_its_limit_and_has_room_again_later() -> None:
    taken: list[Batch] = []

    async def keep(batch: Batch) -> None:
        taken.append(batch)

    handler = Recorder(keep)
    yard = Yard(handler, max_records=4, max_unfinished=8)
    fullness = []
    for first in (0, 4):
        yard.lane.accept(messages(*range(first, first + 4)))
        fullness.append(yard.lane.full)
    await handler.until(2)
    taken[1].all_done()
    fullness.append(yard.lane.full)
    assert fullness == [False, True, False]
    assert yard.rooms == 1
    assert yard.lane.position == 0
    await yard.close()


async def test_one_message_that_does_not_finish_cannot_let_those_behind_it_pile_up() -> None:
    async def all_but_the_first(batch: Batch) -> None:
        for message in batch.messages:
            if message.offset:
                batch.done(message.offset)

    handler = Recorder(all_but_the_first)
    yard = Yard(handler, max_records=4, max_unfinished=8)
    accepted = 0
    while not yard.lane.full:
        yard.lane.accept(messages(*range(accepted, accepted + 4)))
        accepted += 4
        await handler.until(accepted // 4)
    assert accepted <= 80
    assert yard.lane.unfinished == 1
    await yard.close()


async def test_what_is_not_finished_of_a_failed_batch_is_handed_over_again() -> None:
    async def fail_once(batch: Batch) -> None:
        if len(handler.batches) == 1:
            batch.done(1)
            raise RuntimeError("the store is away")
        batch.all_done()

    handler = Recorder(fail_once)
    yard = Yard(handler)
    yard.lane.accept(messages(0, 1, 2))
    await yard.until_at(3)
    assert handler.batches == [[0, 1, 2], [0, 2]]
    await yard.close()


async def test_a_cancellation_inside_of_the_handler_does_not_end_the_lane() -> None:
    async def cancelled_once(batch: Batch) -> None:
        if len(handler.batches) == 1:
            raise asyncio.CancelledError
        batch.all_done()

    handler = Recorder(cancelled_once)
    yard = Yard(handler)
    yard.lane.accept(messages(0))
    await yard.until_at(1)
    await yard.close()


async def test_draining_waits_for_what_was_handed_over_and_forgets_what_was_not() -> None:
    go = asyncio.Event()

    async def act(batch: Batch) -> None:
        await go.wait()
        batch.all_done()

    handler = Recorder(act)
    yard = Yard(handler)
    yard.lane.accept(messages(0, 1))
    await handler.until(1)
    yard.lane.accept(messages(2, 3, 4))
    drain = asyncio.create_task(yard.lane.drain(60))
    await everything_that_is_ready()
    assert not drain.done()
    go.set()
    async with asyncio.timeout(SECONDS):
        await drain
    assert yard.lane.position == 2
    assert handler.batches == [[0, 1]]


async def test_draining_waits_for_messages_that_finish_after_their_batch_returned() -> None:
    taken: list[Batch] = []

    async def keep(batch: Batch) -> None:
        taken.append(batch)

    handler = Recorder(keep)
    yard = Yard(handler)
    yard.lane.accept(messages(0, 1))
    await handler.until(1)
    drain = asyncio.create_task(yard.lane.drain(60))
    await everything_that_is_ready()
    taken[0].done(1)
    await everything_that_is_ready()
    assert not drain.done()
    taken[0].done(0)
    async with asyncio.timeout(SECONDS):
        await drain
    assert yard.lane.position == 2


async def test_draining_ends_when_its_time_is_up() -> None:
    handler = Recorder(leave)
    yard = Yard(handler)
    yard.lane.accept(messages(0, 1))
    await handler.until(1)
    async with asyncio.timeout(SECONDS):
        await yard.lane.drain(0.05)
    assert yard.lane.position == 0


async def test_draining_does_not_wait_for_a_batch_that_keeps_failing() -> None:
    async def fail(batch: Batch) -> None:
        raise RuntimeError("always")

    handler = Recorder(fail)
    yard = Yard(handler)
    yard.lane.accept(messages(0))
    await handler.until(1)
    async with asyncio.timeout(SECONDS):
        await yard.lane.drain(60)
    assert yard.lane.position == 0


async def test_finishing_after_the_partition_was_lost_moves_nothing() -> None:
    taken: list[Batch] = []

    async def keep(batch: Batch) -> None:
        taken.append(batch)

    handler = Recorder(keep)
    yard = Yard(handler)
    yard.lane.accept(messages(0))
    await handler.until(1)
    await yard.close()
    taken[0].all_done()
    assert yard.lane.position == 0
    assert not yard.moved.is_set()


async def test_when_the_log_went_back_what_was_begun_before_does_not_count() -> None:
    taken: list[Batch] = []

    async def keep(batch: Batch) -> None:
        taken.append(batch)

    handler = Recorder(keep)
    yard = Yard(handler)
    yard.lane.accept(messages(100, 101))
    await handler.until(1)
    yard.lane.accept(messages(100, 101))
    await handler.until(2)
    taken[0].all_done()
    assert yard.lane.position == 100
    taken[1].all_done()
    assert yard.lane.position == 102
    await yard.close()
