"""Shared deadlines interrupt what takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from edurelay.kafka.deadlines import Deadlines


async def test_what_ends_in_time_is_not_disturbed() -> None:
    deadlines = Deadlines(5)
    with deadlines.start():
        await asyncio.sleep(0)


async def test_what_takes_too_long_ends_with_a_timeout() -> None:
    deadlines, loop = Deadlines(0.08), asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TimeoutError, match=r"0\.08 s"), deadlines.start():
        await asyncio.Event().wait()
    assert loop.time() - began < 30


async def test_each_wait_has_its_own_deadline() -> None:
    deadlines, late = Deadlines(0.2), asyncio.Event()

    async def wait(before: float) -> bool:
        await asyncio.sleep(before)
        try:
            with deadlines.start():
                await late.wait()
        except TimeoutError:
            return False
        return True

    early_one, later_one = asyncio.create_task(wait(0)), asyncio.create_task(wait(0.15))
    assert not await early_one
    late.set()
    assert await later_one


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    deadlines, begun = Deadlines(5), asyncio.Event()

    async def wait() -> None:
        with deadlines.start():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_a_timeout_the_task_can_be_interrupted_again() -> None:
    deadlines = Deadlines(0.08)
    for _ in range(2):
        with pytest.raises(TimeoutError), deadlines.start():
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
