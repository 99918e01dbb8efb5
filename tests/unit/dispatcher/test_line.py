"""What is written waits for company: for as long as the store leaves it, and not once there are many."""

from __future__ import annotations

import asyncio

import pytest

from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.line import ENOUGH, Line

ENTRY = Entry(
    tenant="north",
    id="evt_1",
    type="a.b",
    subject=None,
    time="2026-11-22T10:00:00Z",
    source="test",
    partition=0,
    offset=1,
    moment=1_800_000_000_000,
    to=(),
)


def add(line: Line, count: int) -> None:
    for _ in range(count):
        line.matched.append((ENTRY, lambda: None))
        line.stir()


@pytest.mark.parametrize(("took", "linger"), [(0.0, 0.02), (0.005, 0.02), (0.02, 0.06), (0.5, 0.1)])
def test_a_store_that_takes_longer_gets_fewer_writes(took: float, linger: float) -> None:
    line = Line()
    line.wrote(took)
    assert line.linger == pytest.approx(linger)


async def test_a_few_wait_and_enough_go_at_once() -> None:
    line = Line()
    line.linger = 60.0
    add(line, ENOUGH - 1)
    waiting = asyncio.create_task(line.company())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    add(line, 1)
    async with asyncio.timeout(5):
        await waiting
        await line.company()


async def test_what_has_been_written_is_no_company() -> None:
    line = Line()
    line.linger = 60.0
    add(line, ENOUGH)
    line.matched.clear()
    waiting = asyncio.create_task(line.company())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_after_its_time_it_goes_alone() -> None:
    line = Line()
    add(line, 1)
    async with asyncio.timeout(5):
        await line.company()
