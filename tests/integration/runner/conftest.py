"""The runner's surroundings: a real broker and database, a mapping service that is stood in for, a provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from pydantic import SecretStr

from edurelay.events.ids import new_uuid
from edurelay.events.topics import COMMANDS, INGEST, RECORDS, RUNS
from edurelay.kafka.producer import Producer
from edurelay.kafka.tail import Tail
from edurelay.runtime.health import Readiness
from edurelay.web.application import build_application
from edurelay.web.auth import InternalOnly
from edurelay.web.server import serve
from integration.kafka.recording import commit_ends
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.service import TOKEN, RunTail, Stage


@pytest.fixture(scope="session", autouse=True)
def short_tracebacks() -> Iterator[None]:
    """The pretty ones take a second of the event loop each, in which leases expire."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def none_of_the_past(kafka_bootstrap: str) -> None:
    """Leave what earlier tests ordered: a runner would work through it first, and at its stop wait for it."""
    await commit_ends(kafka_bootstrap, "connector-runner", COMMANDS)
    await commit_ends(kafka_bootstrap, "connector-runner-ingest", INGEST)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer for what the gateway would send, and for runners without a service around them."""
    async with Producer(kafka_bootstrap, client_id="runner-tests") as producer:
        yield producer


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test has."""
    return new_uuid()


@pytest.fixture
async def mapping(kafka_bootstrap: str, tenant: str) -> AsyncIterator[MappingStandIn]:
    """The mapping service."""
    stand_in = MappingStandIn(tenant)
    async with Tail(kafka_bootstrap, RECORDS, stand_in.receive) as tail:
        following = asyncio.create_task(tail.run())
        yield stand_in
        following.cancel()
        await asyncio.wait([following])


@pytest.fixture
async def mapping_url(mapping: MappingStandIn) -> AsyncIterator[str]:
    """Where the mapping service answers."""
    application = build_application(
        [mapping],
        authenticate=InternalOnly(SecretStr(TOKEN)),
        title="Mapping",
        version="1",
        readiness=Readiness(),
    )
    async with serve(application, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def told(kafka_bootstrap: str) -> AsyncIterator[RunTail]:
    """Everything that is told of runs."""
    runs = RunTail()
    async with Tail(kafka_bootstrap, RUNS, runs.receive) as tail:
        following = asyncio.create_task(tail.run())
        yield runs
        following.cancel()
        await asyncio.wait([following])


@pytest.fixture
async def stage(
    kafka_bootstrap: str,
    mongo_uri: str,
    database_name: str,
    mapping_url: str,
    producer: Producer,
    told: RunTail,
    tenant: str,
) -> AsyncIterator[Stage]:
    """Where runners are started and asked to run something."""
    stage = Stage(kafka_bootstrap, mongo_uri, database_name, mapping_url, producer, told, tenant)
    yield stage
    await stage.close()
