"""A receiver of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from edurelay_sandbox.receiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serving() as receiver:
        yield receiver
