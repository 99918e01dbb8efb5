"""What the tests of the dispatcher share: who tells of attempts, a sender, and a receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from e2e.receivers import Receiver, receiving
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay_webhook_dispatcher.sender import Sender
from integration.dispatcher.sending import sending
from integration.dispatcher.service import Service, running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(kafka_bootstrap: str, mongo_uri: str) -> AsyncIterator[Service]:
    """A whole dispatcher, the same for a file of tests."""
    async with running(kafka_bootstrap, mongo_uri) as service:
        yield service


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test has."""
    return new_id("tenant")


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with sending() as sender:
        yield sender


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer of the test's own."""
    async with Producer(kafka_bootstrap, client_id="test") as producer:
        yield producer
