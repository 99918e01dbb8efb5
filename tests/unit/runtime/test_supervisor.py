"""Starting in order, stopping last-in-first-out, on a signal or a failure: told to real processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edurelay.runtime.supervisor import Lifetime, ServiceFailed
from unit.runtime.programs import running

TWO_PARTS = """
async def build(lifetime):
    await lifetime.enter("store", part("store"))
    await lifetime.enter("server", part("server"))
"""


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_parts_in_reverse_order_with_exit_code_0(told: signal.Signals) -> None:
    async with running(TWO_PARTS) as program:
        await program.wait_for("started")
        program.process.send_signal(told)
        assert await program.end() == 0
    assert program.told("entered", "part") == ["store", "server"]
    assert program.told("left", "part") == ["server", "store"]
    assert program.told("stopping", "signal") == [told.name]


async def test_the_settings_are_logged_once_and_masked() -> None:
    async with running(TWO_PARTS) as program:
        await program.wait_for("started")
        program.process.terminate()
        await program.end()
    [settings] = program.told("starting", "settings")
    assert settings["kafka"] == "broker:9092"
    assert "canary" not in str(program.lines)


async def test_a_second_signal_ends_the_process_at_once() -> None:
    build = 'async def build(lifetime):\n    await lifetime.enter("slow", part("slow", stop=60))\n'
    async with running(build) as program:
        await program.wait_for("started")
        program.process.terminate()
        await program.wait_for("stopping")
        program.process.terminate()
        assert await program.end() == 128 + signal.SIGTERM


async def test_a_part_that_does_not_stop_in_time_is_named_and_the_others_are_stopped() -> None:
    build = """
async def build(lifetime):
    await lifetime.enter("store", part("store"))
    await lifetime.enter("consumer", part("consumer", stop=60))
"""
    async with running(build) as program:
        await program.wait_for("started")
        program.process.terminate()
        assert await program.end() == 1
    assert program.told("failed", "reason") == ["consumer did not stop: it took too long"]
    assert program.told("left", "part") == ["store"]


async def test_a_dependency_that_is_not_there_is_named_and_what_had_started_is_stopped() -> None:
    build = """
@asynccontextmanager
async def kafka():
    raise ConnectionError("no broker at kafka:9092")
    yield

async def build(lifetime):
    await lifetime.enter("store", part("store"))
    await lifetime.enter("kafka", kafka())
"""
    async with running(build) as program:
        assert await program.end() == 1
    assert program.told("failed", "reason") == ["kafka did not start: ConnectionError: no broker at kafka:9092"]
    assert program.told("left", "part") == ["store"]


async def test_a_background_task_that_dies_stops_the_service_with_its_name() -> None:
    build = """
async def consume():
    raise RuntimeError("offset out of range")

async def build(lifetime):
    await lifetime.enter("store", part("store"))
    lifetime.spawn("records consumer", consume())
"""
    async with running(build) as program:
        assert await program.end() == 1
    assert program.told("failed", "reason") == [
        "the background task records consumer failed: RuntimeError: offset out of range"
    ]
    assert program.told("left", "part") == ["store"]


async def test_a_signal_in_the_middle_of_the_start_breaks_it_off() -> None:
    build = """
async def build(lifetime):
    await lifetime.enter("store", part("store"))
    log.info("waiting")
    await asyncio.Event().wait()
"""
    async with running(build) as program:
        await program.wait_for("waiting")
        program.process.terminate()
        assert await program.end() == 0
    assert program.told("left", "part") == ["store"]


@asynccontextmanager
async def recorded(log: list[str], name: str) -> AsyncIterator[str]:
    log.append(f"+{name}")
    try:
        yield name
    finally:
        log.append(f"-{name}")


async def test_a_background_task_is_cancelled_in_its_turn() -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("-work")

    lifetime = Lifetime()
    await lifetime.enter("first", recorded(log, "first"))
    lifetime.spawn("work", work())
    assert await lifetime.enter("last", recorded(log, "last")) == "last"
    await asyncio.sleep(0)
    await lifetime.close()
    assert log == ["+first", "+last", "-last", "-work", "-first"]
    assert lifetime.failure is None


async def test_a_background_task_that_returns_too_early_is_a_failure() -> None:
    async def work() -> None:
        return

    lifetime = Lifetime()
    lifetime.spawn("sweep", work())
    await lifetime.stopping.wait()
    await lifetime.close()
    assert str(lifetime.failure) == "the background task sweep ended before the service"


async def test_a_start_waiting_for_a_task_that_died_is_broken_off() -> None:
    async def dies() -> None:
        raise RuntimeError("gone")

    async def build(lifetime: Lifetime) -> None:
        lifetime.spawn("table", dies())
        await asyncio.Event().wait()

    lifetime = Lifetime()
    await asyncio.wait_for(lifetime.start(build), 5)
    await lifetime.close()
    assert str(lifetime.failure) == "the background task table failed: RuntimeError: gone"


async def test_a_start_that_is_cancelled_from_outside_stays_cancelled() -> None:
    async def build(_: Lifetime) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(Lifetime().start(build))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_readiness_can_tell_that_the_service_is_stopping() -> None:
    lifetime = Lifetime()
    lifetime.check_running()
    lifetime.stop()
    with pytest.raises(ServiceFailed, match="stopping"):
        lifetime.check_running()
