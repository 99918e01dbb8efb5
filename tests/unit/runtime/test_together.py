"""What is awaited together ends together, and a cancellation is heard."""

from __future__ import annotations

import asyncio

import pytest

from edurelay.runtime.together import together


async def value(result: int) -> int:
    """Return the result a little later."""
    await asyncio.sleep(0)
    return result


async def test_results_come_in_the_order_of_the_parts() -> None:
    assert await together(value(1), value(2), value(3), value(4)) == (1, 2, 3, 4)
    assert await together() == ()


async def test_the_first_error_is_raised_once_all_parts_have_ended() -> None:
    ended = asyncio.Event()

    async def fail() -> None:
        raise LookupError("first")

    async def end_late() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        ended.set()
        raise LookupError("second")

    with pytest.raises(LookupError, match="first"):
        await together(fail(), end_late())
    assert ended.is_set()


async def test_a_cancellation_is_heard_although_a_part_fails_at_that_moment() -> None:
    broken = asyncio.get_running_loop().create_future()

    async def persist() -> None:
        while True:
            try:
                await together(broken, asyncio.sleep(3600))
            except ConnectionError:
                pytest.fail("the loop goes on, and its owner waits")

    task = asyncio.create_task(persist())
    await asyncio.sleep(0)
    broken.set_exception(ConnectionError())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
