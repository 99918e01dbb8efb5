"""One whole stack for all end-to-end tests; each test has tenants of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from conftest import JARS
from edurelay_cli.demo.school import Moodle, moodle
from edurelay_cli.stack import LocalStack, StackFolder, StackOptions
from edurelay_client import Client
from edurelay_client.models import Ledger, NewEndpoint

#: Short enough to see a delivery die in a few seconds.
SCHEDULE = "0,0.3,0.6,1"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that connectors may read and write."""
    return tmp_path_factory.mktemp("files")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, files: Path) -> AsyncIterator[LocalStack]:
    """Edurelay on loopback."""
    folder = StackFolder(tmp_path_factory.mktemp("stack"))
    folder.jars = JARS
    env = {
        "EDURELAY_RETRY_SCHEDULE": SCHEDULE,
        "EDURELAY_ATTEMPT_SECONDS": "3",
        "EDURELAY_FILE_ROOTS": str(files),
        "EDURELAY_DISABLE_AFTER_SECONDS": "8",
        "EDURELAY_PROBE_SECONDS": "1",
    }
    async with LocalStack(folder, StackOptions(env=env)) as running:
        yield running


@pytest.fixture
async def client(stack: LocalStack) -> AsyncIterator[Client]:
    """A tenant."""
    async with Client(stack.gateway_url, (await stack.new_tenant("A school"))["api_key"]) as first:
        yield first


@pytest.fixture
async def other_client(stack: LocalStack) -> AsyncIterator[Client]:
    """Another tenant."""
    async with Client(stack.gateway_url, (await stack.new_tenant("Another school"))["api_key"]) as second:
        yield second


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Moodle]:
    """A simulated Moodle."""
    async with moodle(tmp_path_factory.mktemp("moodle"), students=120, courses=6, seed=7) as running:
        yield running


Settled = Callable[[NewEndpoint, int], Awaitable[Ledger]]


@pytest.fixture
def settled(client: Client) -> Settled:
    """Wait until an endpoint has so many deliveries and none of them is pending; return its ledger."""

    async def wait(endpoint: NewEndpoint, matched: int) -> Ledger:
        async with asyncio.timeout(90):
            while True:
                ledger = await client.endpoints.ledger(endpoint.id)
                assert ledger.matched == ledger.delivered + ledger.pending + ledger.dead_lettered
                if ledger.matched >= matched and ledger.pending == 0:
                    return ledger
                await asyncio.sleep(0.1)

    return wait
