"""Receiving in an event loop: what aiohttp and FastAPI share."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from edurelay_client.receiver.answers import Answer, Refused
from edurelay_client.receiver.base import BaseReceiver, is_new, no_room
from edurelay_client.receiver.desk import lowered
from edurelay_client.receiver.event import WebhookEvent

T = TypeVar("T")

_log = logging.getLogger(__name__)


class AsyncReceiver(BaseReceiver[Callable[[WebhookEvent], Awaitable[None]], asyncio.Queue[WebhookEvent]]):
    """A receiver whose `handle` is a coroutine function."""

    _worker: asyncio.Task[None] | None = None

    def _new_queue(self, most: int) -> asyncio.Queue[WebhookEvent]:
        return asyncio.Queue(most)

    async def receive(self, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> Answer:
        """Take one request, whose body comes in `chunks`, and return what to answer."""
        found = lowered(headers)
        try:
            self._desk.admit(found)
            await self._take(self._desk.open(found, await self._read(chunks)))
        except Refused as refused:
            await self._discard(chunks)
            return refused.answer()
        return Answer()

    async def close(self) -> None:
        """Take nothing more, and let what waits in the background be handled."""
        self._closing = True
        if self._worker is None or self._waiting is None:
            return
        try:
            async with asyncio.timeout(self._drain_seconds):
                await self._waiting.join()
        except TimeoutError:
            _log.error("%d events or more were not handled before the end", self._waiting.qsize() + 1)
        self._worker.cancel()
        await asyncio.wait({self._worker})

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self._desk.max_bytes:
                raise self._desk.too_large()
        return bytes(body)

    async def _discard(self, chunks: AsyncIterator[bytes]) -> None:
        """Read the rest of what is refused, as far as `Desk` says."""
        left = self._desk.max_bytes
        async for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                return

    async def _take(self, event: WebhookEvent) -> None:
        if not is_new(await _settled(self._seen.claim(event.key))):
            return
        if self._waiting is None:
            await self._work_on(event)
        elif self._closing or self._waiting.full():
            await _settled(self._seen.release(event.key))
            raise no_room()
        else:
            self._waiting.put_nowait(event)
            self._worker = self._worker or asyncio.create_task(self._work(self._waiting))

    async def _work_on(self, event: WebhookEvent) -> None:
        try:
            await self._handle(event)
        except BaseException:
            await _settled(self._seen.release(event.key))
            raise
        await _settled(self._seen.keep(event.key))

    async def _work(self, waiting: asyncio.Queue[WebhookEvent]) -> None:
        while True:
            event = await waiting.get()
            try:
                await self._work_on(event)
            except Exception:
                # The sender has its answer already: whoever runs the receiver has to hear of it here.
                _log.exception("the event %s (%s) was not handled", event.id, event.type)
            finally:
                waiting.task_done()


async def _settled(result: T | Awaitable[T]) -> T:
    """Return what a memory of keys answered, at once or as a coroutine."""
    return await result if inspect.isawaitable(result) else result
