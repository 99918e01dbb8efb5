"""The whole service in this process: built by its composition root, asked over HTTP, fed through Kafka."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientSession
from pydantic import SecretStr

from edurelay.events.envelope import Event, Message
from edurelay.events.ids import new_id
from edurelay.events.topics import EVENTS, RECORDS
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay.kafka.tail import Tail
from edurelay.messages.records import record_key, shard_of
from edurelay.runtime.supervisor import Lifetime
from edurelay_cli.embedded.process import free_port
from edurelay_mapping.app import build
from edurelay_mapping.settings import MappingSettings

TOKEN = "internal-token"
SECONDS = 30.0


class Service:
    """A running service, from outside."""

    def __init__(self, port: int, session: ClientSession, producer: Producer) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._session = session
        self._producer = producer
        self.events: list[Event] = []
        self.heard = asyncio.Event()

    def receive(self, received: Received) -> None:
        """Take what was told to the world."""
        self.events.append(Event.from_message(received.headers, received.value))
        self.heard.set()

    async def ask(self, method: str, path: str, body: Any = None, *, token: str = TOKEN) -> tuple[int, Any]:
        """Call the internal API; return status and JSON."""
        async with self._session.request(
            method, self._base + path, json=body, headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            raw = await answer.read()
            return answer.status, orjson.loads(raw) if raw else None

    async def get(self, path: str) -> Any:
        """Return what is answered with 200."""
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def feed(self, tenant: str, run: str, *records: dict[str, Any], sequence: int = 1, **fields: Any) -> None:
        """Send a batch as a runner does. All of its records have to be of one shard."""
        batch = {
            "run_id": run,
            "epoch": 1,
            "sequence": sequence,
            "tenant": tenant,
            "connection_id": "moodle",
            "stream": "students",
            "entity_type": "student",
            "read_at": "2026-01-15T10:30:00.000Z",
            "records": list(records),
            "rejected": [],
            **fields,
        }
        [shard] = {shard_of(record["external_id"]) for record in records} or {0}
        key = record_key(tenant, batch["connection_id"], batch["stream"], shard)
        await self._producer.send(Message(RECORDS.name, key, orjson.dumps(batch)))

    async def until(self, accept: Callable[[Any], bool], path: str) -> Any:
        """Return what a path answers, once that is as wanted."""
        async with asyncio.timeout(SECONDS):
            while True:
                _, answer = await self.ask("GET", path)
                if accept(answer):
                    return answer
                await asyncio.sleep(0.05)

    async def settle(self, tenant: str, run: str, through: int = 1) -> dict[str, Any]:
        """Return the counts of a run, once all of its batches have an outcome."""
        async with asyncio.timeout(SECONDS):
            while True:
                _, answer = await self.ask(
                    "POST",
                    f"/internal/tenants/{tenant}/runs/{run}/outcomes",
                    {"segments": [{"epoch": 1, "through": through}]},
                )
                if answer["missing"] == 0:
                    streams: dict[str, Any] = answer["streams"]
                    return streams
                await asyncio.sleep(0.02)

    async def told(self, accept: Callable[[Event], bool], count: int) -> list[Event]:
        """Return the events that are wanted, once there are as many."""
        async with asyncio.timeout(SECONDS):
            while len(found := [event for event in self.events if accept(event)]) < count:
                self.heard.clear()
                await self.heard.wait()
        return found


@asynccontextmanager
async def running(kafka: str, mongo: str, database: str) -> AsyncIterator[Service]:
    """Run the service for as long as the context lasts."""
    settings = MappingSettings(
        kafka=kafka,
        mongo=mongo,
        mongo_database=database,
        http_port=free_port(),
        internal_token=SecretStr(TOKEN),
        seal_keys=SecretStr("k1:" + b64encode(bytes(32)).decode()),
        drain_seconds=10.0,
    )
    lifetime = Lifetime(settings.drain_seconds)
    async with ClientSession() as session, Producer(kafka, client_id=new_id("feed")) as producer:
        service = Service(settings.http_port, session, producer)
        tail = Tail(kafka, EVENTS, service.receive)
        async with tail:
            following = asyncio.create_task(tail.run())
            await lifetime.start(lambda started: build(settings, started))
            try:
                assert lifetime.failure is None, lifetime.failure
                yield service
            finally:
                await lifetime.close()
                following.cancel()
                await asyncio.wait([following])
    assert lifetime.failure is None, lifetime.failure
