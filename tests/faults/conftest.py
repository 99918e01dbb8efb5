"""One stack that is hurt again and again, and for each test a tenant of its own."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from conftest import JARS, TOLD
from edurelay_cli.stack import LocalStack, StackFolder, StackOptions
from faults.school import School, write_school
from faults.trial import Trial, on_trial

#: The random moments follow from it; set it to see the same ones again.
SEED = os.environ.get("EDURELAY_FAULTS_SEED") or secrets.token_hex(4)


def stack_in(folder: Path, school: School, *, brokers: int = 1, dispatchers: int = 1) -> LocalStack:
    """Return a stack that tries deliveries again soon, so that the tests need not wait for long."""
    home = StackFolder(folder)
    home.jars = JARS
    env = {
        "EDURELAY_RETRY_SCHEDULE": "0,0.5,1,2,4,8,16",
        "EDURELAY_ATTEMPT_SECONDS": "5",
        "EDURELAY_FILE_ROOTS": str(school.folder),
    }
    return LocalStack(home, StackOptions(brokers=brokers, dispatchers=dispatchers, env=env))


@pytest.fixture(scope="package")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    """The files that all connections read."""
    return write_school(tmp_path_factory.mktemp("files") / "school")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, school: School) -> AsyncIterator[LocalStack]:
    """Edurelay on loopback, with one broker."""
    async with stack_in(tmp_path_factory.mktemp("stack"), school) as running:
        yield running


Begin = Callable[[LocalStack], AbstractAsyncContextManager[Trial]]


@pytest.fixture
def begin(request: pytest.FixtureRequest, school: School) -> Begin:
    """Begin a trial on a stack."""
    name, told = request.node.name, request.node.user_properties
    told.append((TOLD, f"{name}, seed {SEED}"))
    begun = time.monotonic()

    def say(line: str) -> None:
        told.append((TOLD, f"  {time.monotonic() - begun:5.1f} s  {line}"))

    return lambda stack: on_trial(stack, school, name, Random(f"{SEED}/{name}"), say)
