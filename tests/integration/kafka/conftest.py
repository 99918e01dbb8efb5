"""Topics of a test's own on the session's broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from edurelay.events.ids import new_id
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.admin import apply_topics
from edurelay.kafka.producer import Producer

NewTopic = Callable[[int, Cleanup], Awaitable[Topic]]


@pytest.fixture
def new_topic(kafka_bootstrap: str) -> NewTopic:
    """Create a topic that no other test uses."""

    async def create(partitions: int = 3, cleanup: Cleanup = Cleanup.DELETE) -> Topic:
        topic = Topic(new_id("test"), partitions, cleanup, "any", "whatever a test sends")
        await apply_topics(kafka_bootstrap, [topic], replication_factor=1)
        return topic

    return create


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer."""
    async with Producer(kafka_bootstrap, client_id="test") as running:
        yield running
