"""Whole runners in this process, built by their own composition root, and what is asked of them over Kafka."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from edurelay.events.envelope import Message, now
from edurelay.events.ids import new_id, new_uuid
from edurelay.events.topics import COMMANDS, CONNECTIONS, INGEST
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.connections import Connection, sealing_context
from edurelay.messages.ingest import InboundWebhook
from edurelay.messages.runs import Run
from edurelay.runtime.supervisor import Lifetime
from edurelay.security.sealing import Sealer
from edurelay_connector_runner.app import build
from edurelay_connector_runner.sdk.registry import Registry
from edurelay_connector_runner.settings import RunnerSettings
from integration.runner.scripted import Provider, connector_for

TOKEN = "internal-token"
SEAL_KEYS = "k1:" + base64.b64encode(b"0" * 32).decode()
SECRET = "the-providers-token"


@dataclass
class RunTail:
    """The messages of `edurelay.runs`, by run."""

    messages: dict[str, list[Run]] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, received: Received) -> None:
        """Take one message."""
        self.messages.setdefault(received.key.decode(), []).append(Run.decode(received.value or b""))
        self._arrived.set()

    async def until(self, run_id: str, condition: Callable[[Run], bool], seconds: float = 60.0) -> Run:
        """Return the first message of a run that fulfils a condition."""
        async with asyncio.timeout(seconds):
            while True:
                for run in self.messages.get(run_id, ()):
                    if condition(run):
                        return run
                self._arrived.clear()
                await self._arrived.wait()

    async def ended(self, run_id: str) -> Run:
        """Return the last message of a run."""
        return await self.until(run_id, lambda run: run.status.terminal)


@dataclass
class Stage:
    """A tenant with connections, and any number of runners."""

    kafka: str
    mongo: str
    database: str
    mapping_url: str
    producer: Producer
    told: RunTail
    tenant: str
    runners: list[Lifetime] = field(default_factory=list)

    async def start(self, provider: Provider, **settings: Any) -> Lifetime:
        """Start a runner that has the connector of one provider."""
        chosen = RunnerSettings(
            kafka=self.kafka,
            mongo=self.mongo,
            mongo_database=self.database,
            mapping_url=self.mapping_url,
            http_port=0,
            internal_token=TOKEN,
            seal_keys=SEAL_KEYS,
            **{"lease_seconds": 2.0, "drain_seconds": 10.0, **settings},
        )
        lifetime = Lifetime(chosen.drain_seconds)
        await lifetime.start(partial(build, chosen, registry=Registry({"SCRIPTED": connector_for(provider)})))
        if lifetime.failure is not None:
            await lifetime.close()
            raise lifetime.failure
        self.runners.append(lifetime)
        return lifetime

    async def stop(self, runner: Lifetime) -> None:
        """Stop a runner as SIGTERM would."""
        self.runners.remove(runner)
        await runner.close()
        assert runner.failure is None, runner.failure

    async def close(self) -> None:
        """Stop all runners."""
        for runner in list(self.runners):
            await self.stop(runner)

    async def connect(self, **changes: Any) -> Connection:
        """Make a connection known, as the gateway would."""
        connection_id = new_uuid()
        sealed = Sealer.from_keys(SEAL_KEYS).seal(
            orjson.dumps({"token": SECRET}), sealing_context(self.tenant, connection_id)
        )
        fields = {"provider": "SCRIPTED", "name": "A school", "config": {}, "credentials": sealed, "version": 1}
        connection = Connection(id=connection_id, tenant=self.tenant, **{**fields, **changes})
        await self.announce(connection)
        return connection

    async def announce(self, connection: Connection) -> None:
        """Tell the runners of a connection's state."""
        await self.producer.send(Message(CONNECTIONS.name, connection.id.encode(), connection.encode()))

    async def cancel(self, connection: Connection, run_id: str) -> None:
        """Ask for the end of a run."""
        await self.command(connection, CommandKind.CANCEL, run_id=run_id)

    async def command(self, connection: Connection, kind: CommandKind = CommandKind.SYNC, **fields: Any) -> str:
        """Send a command, and return the id of its run."""
        command = Command(
            **{
                "kind": kind,
                "run_id": new_id("run"),
                "tenant": connection.tenant,
                "connection_id": connection.id,
                "connection_version": connection.version,
                "requested_at": now(),
                **fields,
            }
        )
        await self.producer.send(Message(COMMANDS.name, connection.id.encode(), command.encode()))
        return command.run_id

    async def run(self, connection: Connection, kind: CommandKind = CommandKind.SYNC, **fields: Any) -> Run:
        """Send a command, and return its run once it has ended."""
        return await self.told.ended(await self.command(connection, kind, **fields))

    async def webhook(
        self, connection: Connection, body: bytes, *, webhook_id: str | None = None, verified: bool = False
    ) -> None:
        """Send an inbound webhook, as the gateway would."""
        webhook = InboundWebhook(
            webhook_id or new_id("in"),
            connection.tenant,
            connection.id,
            now(),
            {"x-colour": "green"},
            body,
            verified=verified,
        )
        await self.producer.send(Message(INGEST.name, connection.id.encode(), body, webhook.to_headers()))
