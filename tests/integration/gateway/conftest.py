"""One gateway for all tests of a session that do not need one of their own, and two tenants for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from edurelay.events.ids import new_id
from integration.gateway.world import Caller, World, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(kafka_bootstrap: str, mongo_uri: str) -> AsyncIterator[World]:
    async with running(kafka_bootstrap, mongo_uri, new_id("gateway")) as world:
        yield world


@pytest.fixture
async def tenant(world: World) -> Caller:
    return await world.tenant("Northfield")


@pytest.fixture
async def stranger(world: World) -> Caller:
    return await world.tenant("Southbank")
