"""Reading a stream so that whatever the connector opened for it is closed again, however the reading ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edurelay_connector_runner.sdk.connector import Connector, Cursor, Page


@asynccontextmanager
async def reading(connector: Connector, stream: str, cursor: Cursor | None) -> AsyncIterator[AsyncIterator[Page]]:
    """Give the pages of a stream; an asynchronous generator is closed at the end, as `async for` alone does not."""
    pages = connector.read(stream, cursor)
    try:
        yield pages
    finally:
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()
