"""What is remembered of webhooks that were taken."""

from __future__ import annotations

import asyncio

import pytest

from edurelay_gateway.ingest.replays import Replays, Taking


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def done() -> None:
    """A writing that went well."""


async def broken() -> None:
    """A writing that did not."""
    raise ConnectionError


async def add(replays: Replays, connection: str, key: bytes, keep: float = 60) -> Taking:
    writing = asyncio.create_task(done())
    taking = replays.add(connection, key, f"in_{key.decode()}", writing, keep)
    await writing
    await asyncio.sleep(0)
    return taking


async def test_a_webhook_is_remembered_until_its_time_is_over() -> None:
    clock = Clock()
    replays = Replays(clock=clock)
    taking = await add(replays, "c", b"1", keep=60)
    assert replays.find("c", b"1") is taking
    assert (taking.id, taking.writing) == ("in_1", None)
    clock.now = 60
    assert replays.find("c", b"1") is None
    assert len(replays) == 0


async def test_what_one_connection_sent_says_nothing_of_another() -> None:
    replays = Replays()
    await add(replays, "c", b"1")
    assert replays.find("d", b"1") is None


async def test_while_it_is_being_written_a_repetition_finds_the_writing() -> None:
    replays = Replays()
    writing = asyncio.create_task(asyncio.sleep(3600))
    replays.add("c", b"1", "in_1", writing, 60)
    found = replays.find("c", b"1")
    assert found is not None
    assert found.writing is writing
    writing.cancel()
    await asyncio.wait({writing})


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_webhook_that_could_not_be_written_is_forgotten(cancelled: bool) -> None:
    replays = Replays()
    writing = asyncio.create_task(broken())
    replays.add("c", b"1", "in_1", writing, 60)
    if cancelled:
        writing.cancel()
    await asyncio.wait({writing})
    await asyncio.sleep(0)
    assert replays.find("c", b"1") is None


async def test_a_late_failure_does_not_forget_the_next_attempt() -> None:
    clock = Clock()
    replays = Replays(clock=clock)
    first = asyncio.create_task(broken())
    replays.add("c", b"1", "in_1", first, 60)
    clock.now = 61
    second = asyncio.create_task(done())
    taking = replays.add("c", b"1", "in_1", second, 60)
    await asyncio.wait({first, second})
    await asyncio.sleep(0)
    assert replays.find("c", b"1") is taking


async def test_a_busy_connection_forgets_its_own_webhooks_and_not_its_neighbours() -> None:
    replays = Replays(most=100, of_one=3)
    await add(replays, "quiet", b"q")
    for number in range(50):
        await add(replays, "busy", str(number).encode())
    assert replays.find("quiet", b"q") is not None
    assert [number for number in range(50) if replays.find("busy", str(number).encode())] == [47, 48, 49]
    assert len(replays) == 4


async def test_there_is_an_end_to_what_all_connections_together_fill() -> None:
    replays = Replays(most=10, of_one=5)
    for number in range(1000):
        await add(replays, str(number), b"1")
    assert len(replays) == 10
    assert replays.find("999", b"1") is not None
    assert len(replays._of) == 10
