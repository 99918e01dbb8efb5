"""A database is there with its indexes, keeps what it is given, and is an error in seconds when it is dead."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from edurelay.mongo import (
    ASCENDING,
    Collection,
    CollectionSpec,
    Database,
    DuplicateKeyError,
    Index,
    IndexMismatch,
    StoreUnavailable,
)

BY_DAY = CollectionSpec("plans", (Index((("day", ASCENDING),), expire_after_seconds=60),))


async def test_declared_indexes_are_created(mongo_uri: str, database_name: str) -> None:
    async with await Database.connect(mongo_uri, database_name, collections=[BY_DAY]) as database:
        indexes = await database[BY_DAY].index_information()
    assert indexes["day_1"]["expireAfterSeconds"] == 60


async def test_replicas_may_start_side_by_side(mongo_uri: str, database_name: str) -> None:
    async def start() -> None:
        async with await Database.connect(mongo_uri, database_name, collections=[BY_DAY]) as database:
            await database.ping()

    await asyncio.gather(*[start() for _ in range(4)])


async def test_an_index_that_differs_from_its_declaration_is_said(mongo_uri: str, database_name: str) -> None:
    async with await Database.connect(mongo_uri, database_name, collections=[BY_DAY]):
        pass
    other = CollectionSpec("plans", (Index((("day", ASCENDING),), unique=True),))
    with pytest.raises(IndexMismatch, match="plans"):
        await Database.connect(mongo_uri, database_name, collections=[other])


async def test_moments_come_back_in_utc(things: Collection) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=timezone(timedelta(hours=2)))
    await things.insert_one({"_id": "a", "at": moment})
    found = await things.find_one({"_id": "a"})
    assert found is not None
    assert found["at"] == moment
    assert found["at"].tzinfo is UTC


async def test_a_native_uuid_is_refused_since_ids_are_text(things: Collection) -> None:
    with pytest.raises(ValueError, match="UUID"):
        await things.insert_one({"_id": uuid.uuid4()})


async def test_a_unique_index_holds_against_simultaneous_inserts(things: Collection) -> None:
    async def insert() -> bool:
        try:
            await things.insert_one({"school": "s", "number": 7})
        except DuplicateKeyError:
            return False
        return True

    assert sum(await asyncio.gather(*[insert() for _ in range(20)])) == 1


async def test_a_database_that_does_not_listen_is_an_error_in_seconds(unused_address: str) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await Database.connect(f"mongodb://{unused_address}", "any", collections=[])
    assert time.monotonic() - started < 5


async def test_a_database_that_falls_silent_is_an_error_within_the_time_limit(mongo_uri: str) -> None:
    address = mongo_uri.removeprefix("mongodb://").partition("/")[0]
    async with Relay(address) as relay:
        # Direct, so that the driver does not go round the relay to the address that the server gives as its own.
        uri = f"mongodb://{relay.address}/?directConnection=true"
        async with await Database.connect(uri, "silent", collections=[], timeout=1.0) as database:
            things = database[CollectionSpec("things")]
            await things.insert_one({"_id": uuid.uuid4().hex})
            relay.silent = True
            operations: dict[str, Any] = {
                "find": things.find_one({}),
                "insert": things.insert_one({"_id": "later"}),
                "ping": database.ping(),
            }
            for operation in operations.values():
                started = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    await operation
                assert time.monotonic() - started < 4


@pytest.fixture
async def unused_address() -> str:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    return f"{host}:{port}"


class Relay:
    """A stretch of network before the database, which can swallow what passes through it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.silent = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            writer.close()
            far_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.silent:
                writer.write(data)
                await writer.drain()
        writer.close()
