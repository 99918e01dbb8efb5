"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edurelay.mongo import Collection, CollectionSpec, Database, Index
from edurelay.mongo.outbox import UNSENT_INDEX

THINGS = CollectionSpec(
    "things", (Index((("school", 1), ("number", 1)), unique=True, partial={"school": {"$exists": True}}),)
)
LEASES = CollectionSpec("leases")
CARRIERS = CollectionSpec("carriers", (UNSENT_INDEX,))


@pytest.fixture
async def database(mongo_uri: str, database_name: str) -> AsyncIterator[Database]:
    async with await Database.connect(mongo_uri, database_name, collections=[THINGS, LEASES, CARRIERS]) as database:
        yield database


@pytest.fixture
def things(database: Database) -> Collection:
    return database[THINGS]


@pytest.fixture
def carriers(database: Database) -> Collection:
    return database[CARRIERS]


@pytest.fixture
def lease_documents(database: Database) -> Collection:
    return database[LEASES]
