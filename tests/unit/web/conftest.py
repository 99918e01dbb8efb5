"""One API, shared by the tests that only ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from unit.web.api import Api, Things, serving


@pytest_asyncio.fixture(scope="module")
async def api() -> AsyncIterator[Api]:
    async with serving([Things()]) as running:
        yield running
