"""The mapping service's own parts on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edurelay.mongo import Database
from edurelay_mapping import store
from integration.mapping.world import World


@pytest.fixture
async def database(mongo_uri: str, database_name: str) -> AsyncIterator[Database]:
    async with await Database.connect(mongo_uri, database_name, collections=store.ALL) as database:
        yield database


@pytest.fixture
def world(database: Database) -> World:
    return World(database)
