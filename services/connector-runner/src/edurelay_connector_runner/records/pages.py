"""Reading one page ahead: the provider answers the next request while the last answer is on its way to Kafka.

Never more than one page: the reader asks for another only once the page before it was taken. So memory is bounded
by two pages, whatever the size of the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from edurelay.events.envelope import now
from edurelay_connector_runner.sdk import Connector, Cursor, Page
from edurelay_connector_runner.sdk.reading import reading


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page, and when the provider gave it."""

    page: Page
    read_at: str


class ReadFailed(Exception):
    """The connector could not go on reading; `error` is what it raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _End:
    """The reader came to the end of the stream."""


_Arrival = ReadPage | ReadFailed | _End


async def read_ahead(connector: Connector, stream: str, cursor: Cursor | None) -> AsyncGenerator[ReadPage, None]:
    """Yield the pages behind `cursor`, each as soon as it was read. Raises `ReadFailed` once the pages before the
    failure were taken. Closing the generator stops the reading at once."""
    taken = asyncio.Semaphore(1)
    arrived: asyncio.Queue[_Arrival] = asyncio.Queue(1)

    async def read() -> None:
        try:
            await taken.acquire()
            async with reading(connector, stream, cursor) as pages:
                async for page in pages:
                    await arrived.put(ReadPage(page, now()))
                    await taken.acquire()
        # Whatever a connector raises is for the consumer of its pages to judge.
        except Exception as error:
            failure = ReadFailed(error)
            failure.__cause__ = error
            await arrived.put(failure)
        else:
            await arrived.put(_End())

    # One task reads the whole stream: a connector's generator may hold a timeout or a task group open over a yield,
    # which belong to the task that opened them.
    reader = asyncio.create_task(read(), name=f"read {stream}")
    try:
        while True:
            arrival = await arrived.get()
            if isinstance(arrival, ReadFailed):
                raise arrival
            if isinstance(arrival, _End):
                return
            taken.release()
            yield arrival
    finally:
        reader.cancel()
        await asyncio.wait([reader])
