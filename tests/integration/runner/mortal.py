"""Runners that can be killed between any two steps of theirs.

A step is one call to the outside: a write to the database, a look at a lease, a send to Kafka, a question to the
mapping service. A runner that is killed at a step has either done it or not, has not learnt which, and does nothing
any more: as after kill -9, its lease is not released and its run not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.producer import Producer
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.connections import Connection
from edurelay.mongo import Database
from edurelay.mongo.leases import Leases
from edurelay.mongo.outbox import Outbox
from edurelay.security.sealing import Sealer
from edurelay.web.internal import InternalClient
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.jobs.settlement import Settlement
from edurelay_connector_runner.jobs.sync import Sync
from edurelay_connector_runner.mapping_client import MappingClient
from edurelay_connector_runner.opening import Opening
from edurelay_connector_runner.records.sinks import Rehearsal, Transmission
from edurelay_connector_runner.runs import store
from edurelay_connector_runner.runs.decision import Patience
from edurelay_connector_runner.runs.store import RunStore
from edurelay_connector_runner.sdk.registry import Registry
from edurelay_connector_runner.work.execution import Execution
from edurelay_connector_runner.work.pool import Pool
from integration.runner.scripted import Provider, connector_for
from integration.runner.service import SEAL_KEYS, TOKEN


class Killed(Exception):
    """The runner is dead; nothing of it reaches the outside any more."""


@dataclass
class Life:
    """Counts the steps of one runner, and ends it at one of them: before it is done, or right after."""

    end_at: int | None = None
    after: bool = False
    steps: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, act: Callable[[], Awaitable[Any]], *, counts: bool = True) -> Any:
        """Do one step, if the runner still lives."""
        if self.over.is_set():
            raise Killed
        self.steps += counts
        if not counts or self.steps != self.end_at:
            return await act()
        if self.after:
            await act()
        self.over.set()
        raise Killed


#: What a runner does by the clock; it does not count, so that the same step is the same work each time.
BY_THE_CLOCK = {"candidates", "renew", "outcomes"}


class Mortal:
    """Anything whose asynchronous methods are steps of a life."""

    def __init__(self, thing: object, life: Life) -> None:
        self._thing = thing
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)

        async def step(*args: Any, **kwargs: Any) -> Any:
            return await self._life.step(lambda: method(*args, **kwargs), counts=name not in BY_THE_CLOCK)

        return step


@dataclass
class Surroundings:
    """What runners without a service around them share."""

    tenant: str
    database: Database
    producer: Producer
    http: InternalClient
    connections: dict[str, Connection] = field(default_factory=dict)
    holders: int = 0

    @staticmethod
    def client(mapping_url: str) -> InternalClient:
        """Return the client of the mapping service."""
        return InternalClient("mapping", mapping_url, SecretStr(TOKEN))

    async def sweep(self) -> None:
        """Send what dead runners have left unsent, as every service does."""
        outbox = Outbox(self.database[store.RUNS], self.producer.send_all, grace_seconds=1.0)
        while True:
            with suppress(KafkaUnavailable):
                await outbox.sweep()
            await asyncio.sleep(1.0)

    def store(self) -> RunStore:
        """Return the runs."""
        runs = self.database[store.RUNS]
        return RunStore(runs, self.database[store.LEASES], Outbox(runs, self.producer.send_all))

    async def order(self, run_id: str, connection: Connection) -> None:
        """Make a sync durable, as the intake does."""
        self.connections[connection.id] = connection
        command = Command(
            kind=CommandKind.SYNC,
            run_id=run_id,
            tenant=connection.tenant,
            connection_id=connection.id,
            connection_version=connection.version,
            requested_at="2026-01-01T00:00:00.000Z",
        )
        await self.store().add(command, None)

    def pool(self, provider: Provider, life: Life, only: str, *, lease_seconds: float) -> Pool:
        """Return the workers of a runner that looks at the runs of one connection."""
        self.holders += 1
        runs: Any = Mortal(self.store(), life)
        leases: Any = Mortal(Leases(self.database[store.LEASES]), life)
        producer: Any = Mortal(self.producer, life)
        mapping: Any = Mortal(MappingClient(self.http), life)
        patience = Patience(first_pause=0.05)
        no_http: Any = None
        opening = Opening(
            self.connections,
            Registry({"SCRIPTED": connector_for(provider)}),
            Sealer.from_keys(SEAL_KEYS),
            lambda *_: no_http,
            lambda tenant: FileRoots([]),
            patience,
        )
        sync = Sync(opening, runs, Transmission(producer), Rehearsal(), Settlement(mapping))
        return Pool(
            runs,
            leases,
            Execution({CommandKind.SYNC: sync}, patience, lambda _: "SCRIPTED"),
            lambda candidate: candidate.connection_id == only,
            stop=asyncio.Event(),
            holder=f"runner-{self.holders}",
            workers=1,
            lease_seconds=lease_seconds,
            drain_seconds=5.0,
            poll_seconds=0.05,
        )
