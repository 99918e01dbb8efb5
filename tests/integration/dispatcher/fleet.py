"""Several dispatchers as processes of their own on one database, so that what is killed dies as it would."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.web.internal import InternalClient
from edurelay_cli.embedded.process import Process, free_port, tail_of
from edurelay_webhook_dispatcher.app import NAME
from integration.dispatcher.service import KEYS, TOKEN, Service
from integration.gateway.neighbours import Neighbours, standing_in

#: How long anything may take that has no promise of its own: it bounds a broken test, and nothing else.
SECONDS = 90.0


@dataclass
class Dispatcher(Service):
    """One of them."""

    process: Process
    url: str

    async def until_ready(self) -> None:
        """Return once it has started."""
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
            while True:
                assert self.process.running, tail_of(self.process.log)
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def until_settled(self, tenant: str, endpoint: str, matched: int) -> dict[str, int]:
        """Return the ledger once so many deliveries were matched and none is pending."""
        async with asyncio.timeout(SECONDS):
            while True:
                ledger = await self.ledger(tenant, endpoint)
                if ledger["matched"] >= matched and ledger["pending"] == 0:
                    return ledger
                await asyncio.sleep(0.1)


@dataclass
class Fleet:
    """The dispatchers that were started, in that order."""

    neighbours: Neighbours
    producer: Producer
    kafka: str
    env: dict[str, str]
    logs: Path
    exits: AsyncExitStack
    dispatchers: list[Dispatcher] = field(default_factory=list)

    async def begin(self, env: Mapping[str, str] | None = None) -> Dispatcher:
        """Start another one, and do not wait for it."""
        port = free_port()
        name, url = f"dispatcher-{len(self.dispatchers) + 1}", f"http://127.0.0.1:{port}"
        settings = {**self.env, "EDURELAY_HTTP_PORT": str(port), **(env or {})}
        command = [sys.executable, "-m", "edurelay_webhook_dispatcher"]
        process = Process(name, command, self.logs / f"{name}.log", settings)
        client = await self.exits.enter_async_context(InternalClient("dispatcher", url, SecretStr(TOKEN)))
        started = Dispatcher(self.neighbours, client, self.producer, process, url)
        self.dispatchers.append(started)
        await process.start()
        return started

    async def start(self, env: Mapping[str, str] | None = None) -> Dispatcher:
        """Start another one, and wait until it is ready."""
        started = await self.begin(env)
        await started.until_ready()
        return started

    async def until_group(self, *states: str) -> None:
        """Return once the consumer group is in one of these states."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    (answer,) = await admin.describe_consumer_groups([NAME])
                    if answer.groups[0][2] in states:
                        return
                    await asyncio.sleep(0.005)
        finally:
            await admin.close()

    async def stop(self) -> None:
        """End all that still run, at once."""
        for each in self.dispatchers:
            each.process.signal(signal.SIGTERM)
        await asyncio.gather(*(each.process.stop(30) for each in self.dispatchers))


@asynccontextmanager
async def fleet(kafka: str, mongo: str, logs: Path, **settings: str) -> AsyncIterator[Fleet]:
    """Let dispatchers be started. They leave the group when they end, and have no names, so that each one that joins
    or leaves makes the group share anew."""
    async with AsyncExitStack() as exits:
        neighbours = await exits.enter_async_context(standing_in(TOKEN))
        producer = await exits.enter_async_context(Producer(kafka, client_id=new_id("feed")))
        env = {
            "EDURELAY_KAFKA": kafka,
            "EDURELAY_MONGO": mongo,
            "EDURELAY_MONGO_DATABASE": new_id("dispatcher"),
            "EDURELAY_INTERNAL_TOKEN": TOKEN,
            "EDURELAY_SEAL_KEYS": KEYS,
            "EDURELAY_GATEWAY_URL": neighbours.url,
            "EDURELAY_MAPPING_URL": neighbours.url,
            "EDURELAY_EGRESS_ALLOW": "127.0.0.0/8",
            "EDURELAY_REQUIRE_HTTPS": "false",
            "EDURELAY_INSTANCE": "",
            "EDURELAY_ATTEMPT_SECONDS": "120",  # An answer may be held back for as long as a test needs.
            **settings,
        }
        made = Fleet(neighbours, producer, kafka, env, logs, exits)
        exits.push_async_callback(made.stop)
        yield made
