"""Runners as processes: kill -9 loses nothing, SIGTERM hands over and exits cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from edurelay.messages.runs import RunStatus
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.service import SEAL_KEYS, TOKEN, RunTail, Stage

STUDENTS = 400
TESTS = Path(__file__).parents[2]

Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def start(stage: Stage) -> AsyncIterator[Start]:
    """Start a runner as a process."""
    processes: list[Process] = []
    settings = {
        "KAFKA": stage.kafka,
        "MONGO": stage.mongo,
        "MONGO_DATABASE": stage.database,
        "MAPPING_URL": stage.mapping_url,
        "HTTP_PORT": "0",
        "INTERNAL_TOKEN": TOKEN,
        "SEAL_KEYS": SEAL_KEYS,
        "LEASE_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
    }
    environment = {
        **os.environ,
        **{f"EDURELAY_{name}": value for name, value in settings.items()},
        "PYTHONPATH": str(TESTS),
        "TEST_STUDENTS": str(STUDENTS),
    }

    async def start_one() -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "integration.runner.child", env=environment, cwd=TESTS
        )
        processes.append(process)
        return process

    yield start_one
    # A runner that is killed stays in its consumer group for a while, and the next test would wait for it.
    for process in processes:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_what_one_runner_has_begun_another_brings_to_its_end(
    stage: Stage, told: RunTail, mapping: MappingStandIn, start: Start, number: signal.Signals
) -> None:
    first = await start()
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await mapping.until(lambda: len(mapping.external_ids(connection.id, "student")) >= 100)
    first.send_signal(number)
    code = await first.wait()
    assert code == (0 if number is signal.SIGTERM else -signal.SIGKILL)
    assert len(mapping.external_ids(connection.id, "student")) < STUDENTS, "it was stopped in the middle"
    await start()
    run = await told.ended(run_id)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert run.counts.created == 20 + STUDENTS
    assert run.counts.add_up
    assert mapping.external_ids(connection.id, "student") == {f"s-{number}" for number in range(STUDENTS)}
    if number is signal.SIGTERM:
        assert run.counts.unchanged == 0, "what was handed over is not read again"
