"""What tells of attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edurelay.kafka.producer import Producer


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """A producer of the test's own."""
    async with Producer(kafka_bootstrap, client_id="test") as producer:
        yield producer
