"""A real gateway on a real socket, and the ways in which tests look at it from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

import aiohttp
import orjson
from yarl import URL

from edurelay.events import topics
from edurelay.events.envelope import Message
from edurelay.events.topics import Topic
from edurelay.kafka.consumer import Received
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.messages.commands import Command
from edurelay.messages.runs import Counts, Run, RunStatus
from edurelay.runtime.supervisor import Lifetime
from edurelay_cli.embedded.process import free_port
from edurelay_gateway.app import build
from edurelay_gateway.settings import GatewaySettings
from integration.gateway.neighbours import Neighbours, standing_in

T = TypeVar("T")

ADMIN_TOKEN = "the-admin-token"
INTERNAL_TOKEN = "the-internal-token"
SEAL_KEYS = "k1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="

MOODLE = {
    "provider": "MOODLE",
    "config": {"apiUrl": "https://moodle.example"},
    "credentials": {"wsToken": "canary-credential-4711"},
}
RECEIVER = {"url": "https://receiver.example/hook", "event_types": ["student.*"]}


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON body."""
        return orjson.loads(self.raw)


class Caller:
    """Somebody who calls the gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None, tenant: str = "") -> None:
        self._session = session
        self._url = url
        self.token = token or ""
        self.tenant = tenant

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        """Call, with a JSON body or raw bytes."""
        all_headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            raw = orjson.dumps(body)
        if raw is not None:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        data = BytesIO(raw) if raw is not None and len(raw) > 2**20 else raw
        url = URL(self._url + path, encoded=True)
        async with self._session.request(method, url, data=data, headers=all_headers) as answer:
            return Told(answer.status, dict(answer.headers), await answer.read())

    async def made(self, path: str, body: Any) -> Any:
        """Make something and return it."""
        told = await self("POST", path, body)
        assert told.status in (200, 201, 202), told.raw
        return told.body


@dataclass
class World:
    """A running gateway with its neighbours, the log beside it, and two tenants."""

    url: str
    settings: GatewaySettings
    neighbours: Neighbours
    producer: Producer
    log: LogReader
    session: aiohttp.ClientSession
    lifetime: Lifetime

    def stop(self) -> None:
        """Do what SIGTERM does."""
        self.lifetime.stopping.set()

    @property
    def admin(self) -> Caller:
        """The administration."""
        return Caller(self.session, self.url, ADMIN_TOKEN)

    @property
    def anybody(self) -> Caller:
        """Somebody without a key."""
        return Caller(self.session, self.url, None)

    def with_token(self, token: str) -> Caller:
        """Somebody with this key."""
        return Caller(self.session, self.url, token)

    async def tenant(self, name: str = "Northfield") -> Caller:
        """A new tenant with a key."""
        tenant = await self.admin.made("/v1/tenants", {"name": name})
        key = await self.admin.made(f"/v1/tenants/{tenant['id']}/keys", {})
        return Caller(self.session, self.url, key["api_key"], tenant["id"])

    async def messages(self, topic: Topic, key: str) -> list[Received]:
        """Return the messages of a key, in their order."""
        now = int(time.time() * 1000)
        found = [
            received
            async for batch in self.log.read_between(topic, now - 600_000, now + 600_000)
            for received in batch
            if received.key == key.encode()
        ]
        return sorted(found, key=lambda received: received.offset)

    async def commands(self, connection_id: str) -> list[Command]:
        """Return the commands for a connection."""
        return [Command.decode(each.value or b"") for each in await self.messages(topics.COMMANDS, connection_id)]

    async def report(self, tenant: str, connection_id: str, run_id: str, status: RunStatus, **fields: Any) -> Run:
        """Say what a runner would say of a run."""
        run = Run(
            id=run_id,
            tenant=tenant,
            connection_id=connection_id,
            status=status,
            requested_at="2026-01-01T00:00:00.000Z",
            **{"kind": "sync", "revision": 1, "counts": Counts(), **fields},
        )
        await self.producer.send(Message(topics.RUNS.name, run_id.encode(), run.encode()))
        return run


async def until(ask: Callable[[], Awaitable[T]], accept: Callable[[T], bool], seconds: float = 20.0) -> T:
    """Ask again and again until the answer is one that `accept` takes, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if accept(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(bootstrap: str, mongo_uri: str, database: str, **settings: Any) -> AsyncIterator[World]:
    """Run a gateway for as long as the context is open."""
    async with standing_in(INTERNAL_TOKEN) as neighbours:
        chosen = GatewaySettings(
            **{
                "kafka": bootstrap,
                "mongo": mongo_uri,
                "mongo_database": database,
                "http_port": free_port(),
                "internal_token": INTERNAL_TOKEN,
                "admin_token": ADMIN_TOKEN,
                "seal_keys": SEAL_KEYS,
                "mapping_url": neighbours.url,
                "dispatcher_url": neighbours.url,
                "runner_url": neighbours.url,
                "public_url": "https://hub.example",
                "sweep_seconds": 0.5,
                "drain_seconds": 10.0,
                **settings,
            }
        )
        lifetime = Lifetime(chosen.drain_seconds)
        try:
            await build(chosen, lifetime)
            async with (
                Producer(bootstrap, client_id="test") as producer,
                LogReader(bootstrap) as log,
                aiohttp.ClientSession() as session,
            ):
                url = f"http://{chosen.http_host}:{chosen.http_port}"
                yield World(url, chosen, neighbours, producer, log, session, lifetime)
        finally:
            await lifetime.close()
        assert lifetime.failure is None, lifetime.failure
