"""The connection of one service to its database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConnectionFailure, ExecutionTimeout, WTimeoutError

from edurelay.mongo.collections import Collection, CollectionSpec, Document, create_indexes

#: How long one operation may take, finding a server and the driver's own second try included.
OPERATION_SECONDS: Final = 10.0

#: How long the creation of indexes may take at the start, when a collection may already be large.
INDEXING_SECONDS: Final = 300.0

_PING_SECONDS: Final = 2.0

#: What the driver raises when the database cannot be reached or does not answer in time. Whether a write was done is
#: not known then. For `except` clauses and `retry_on`.
StoreUnavailable: Final[tuple[type[Exception], ...]] = (ConnectionFailure, ExecutionTimeout, WTimeoutError)


class Database:
    """A service's database: an async context manager that closes its connections at the end.

    Writes are acknowledged once a majority has them in its journal, and only such writes are read. Moments are
    timezone-aware, in UTC. Ids are text: a `uuid.UUID` is refused. Every operation ends within the time limit, with
    an error of `StoreUnavailable` if need be.
    """

    def __init__(self, client: AsyncIOMotorClient[Document], name: str) -> None:
        self._client = client
        self._database = client[name]

    @classmethod
    async def connect(
        cls, uri: str, name: str, *, collections: Sequence[CollectionSpec], timeout: float = OPERATION_SECONDS
    ) -> Self:
        """Connect, and create the indexes of `collections`. Raises one of `StoreUnavailable`, or `IndexMismatch`."""
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            uri,
            appname=name,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            timeoutMS=round(timeout * 1000),
            tz_aware=True,
            tzinfo=UTC,
        )
        database = cls(client, name)
        try:
            await database.ping()
            with pymongo.timeout(INDEXING_SECONDS):
                for spec in collections:
                    await create_indexes(database[spec], spec)
        except BaseException:
            client.close()
            raise
        return database

    def __getitem__(self, spec: CollectionSpec) -> Collection:
        return self._database[spec.name]

    async def ping(self) -> None:
        """Ask the database for a sign of life. Raises one of `StoreUnavailable` after two seconds without."""
        with pymongo.timeout(_PING_SECONDS):
            await self._database.command("ping")

    async def time(self) -> float:
        """Return the database's Unix time in seconds. Raises one of `StoreUnavailable` after two seconds without."""
        with pymongo.timeout(_PING_SECONDS):
            told: datetime = (await self._database.command("hello"))["localTime"]
        return told.timestamp()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()
