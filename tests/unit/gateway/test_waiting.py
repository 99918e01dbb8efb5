"""Waiting for the end of a run."""

from __future__ import annotations

import asyncio

from edurelay.kafka.consumer import Received
from edurelay.messages.runs import Run, RunStatus
from edurelay_gateway.runs.waiting import RunWaiters


def message(run_id: str, status: RunStatus, revision: int = 1) -> Received:
    run = Run(
        id=run_id,
        tenant="t",
        connection_id="c",
        kind="sync",
        status=status,
        revision=revision,
        requested_at="2026-01-01T00:00:00.000Z",
    )
    return Received("edurelay.runs", 0, 0, 0, run_id.encode(), run.encode(), ())


async def test_everybody_who_watches_a_run_sees_its_end() -> None:
    waiters = RunWaiters(asyncio.Event())
    with waiters.watch("run_1") as first, waiters.watch("run_1") as second:
        waiters.receive(message("run_1", RunStatus.RUNNING))
        waiters.receive(message("run_1", RunStatus.SUCCEEDED, 2))
        ends = await asyncio.gather(first.end(5), second.end(5))
    assert [end.revision for end in ends if end is not None] == [2, 2]


async def test_an_end_that_comes_before_the_waiting_is_not_missed() -> None:
    waiters = RunWaiters(asyncio.Event())
    with waiters.watch("run_1") as watch:
        waiters.receive(message("run_1", RunStatus.FAILED))
        end = await watch.end(5)
    assert end is not None
    assert end.status is RunStatus.FAILED


async def test_another_runs_end_wakes_nobody() -> None:
    waiters = RunWaiters(asyncio.Event())
    with waiters.watch("run_1") as watch:
        waiters.receive(message("run_2", RunStatus.SUCCEEDED))
        assert await watch.end(0.01) is None


async def test_nobody_waits_on_when_the_service_stops() -> None:
    stopping = asyncio.Event()
    waiters = RunWaiters(stopping)
    with waiters.watch("run_1") as watch:
        waiting = asyncio.create_task(watch.end(60))
        stopping.set()
        assert await asyncio.wait_for(waiting, 5) is None
        assert watch.stopping


async def test_a_malformed_message_is_left_to_the_consumer_that_has_dead_letters() -> None:
    waiters = RunWaiters(asyncio.Event())
    with waiters.watch("run_1") as watch:
        waiters.receive(Received("edurelay.runs", 0, 0, 0, b"run_1", b"{", ()))
        waiters.receive(Received("edurelay.runs", 0, 1, 0, b"run_1", None, ()))
        assert await watch.end(0.01) is None
