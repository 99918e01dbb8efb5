"""A sender and a receiver for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from e2e.receivers import Receiver, receiving
from edurelay_webhook_dispatcher.sender import Sender
from integration.dispatcher.sending import sending


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with sending() as sender:
        yield sender


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
