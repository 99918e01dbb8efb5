"""A consumer of an endpoint's stream: in order, without a gap, committed behind what was handled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

from edurelay_client.errors import (
    ApiError,
    EventsGone,
    NotReachable,
    ServerError,
    StreamGap,
    TooManyRequests,
    Unavailable,
)
from edurelay_client.models import StreamedEvent, StreamPage

#: What passes by itself: a gateway that restarts, a dispatcher that is away, too many readers at once.
PASSING = (NotReachable, Unavailable, ServerError, TooManyRequests)
#: How long one call waits for something to come, in seconds.
WAIT = 30.0

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

Handler = Callable[[StreamedEvent], Awaitable[None]]


class Stream(Protocol):
    """Where a stream is read: `client.endpoints`."""

    async def stream_page(
        self, endpoint_id: str, *, after: int | None = None, limit: int | None = None, wait: float | None = None
    ) -> StreamPage:
        """Return what stands behind a number, and where the reader is."""
        ...

    def pushed(self, endpoint_id: str, *, after: int) -> AsyncIterator[list[StreamedEvent]]:
        """Yield what comes over one request, in the pieces in which it comes."""
        ...

    async def commit(self, endpoint_id: str, after: int) -> int:
        """Keep how far the stream was handled."""
        ...


class Consumer:
    """Reads the stream of one endpoint, from behind what was committed or from behind `after`.

    It polls, or with `push` takes server-sent events. What fails for now is tried again after a pause that grows up to
    ten seconds, for `patience` seconds without any success, or for ever. What was deleted before it was read raises
    `EventsGone`, unless it is to `skip_gone`: then it goes on at the first event that is there. A number that is
    missing is asked for again; `StreamGap` says that it stayed so. Use one consumer for one endpoint at a time.
    """

    def __init__(
        self,
        stream: Stream,
        endpoint_id: str,
        *,
        after: int | None = None,
        push: bool = False,
        commit: bool = True,
        skip_gone: bool = False,
        patience: float | None = None,
    ) -> None:
        self._stream = stream
        self._endpoint_id = endpoint_id
        self._push = push
        self._commit = commit
        self._skip_gone = skip_gone
        self._patience = patience
        self._committed: int | None = None
        self._failures = 0
        self._last_success = 0.0
        #: The last number that was handled; None until it is known where the stream is read from.
        self.position = after
        #: How many events came again and were left out, and how many were deleted before they could be read.
        self.repeated = 0
        self.skipped = 0

    async def run(self, handle: Handler) -> None:
        """Hand each event to `handle`, and commit when it has returned: what it raises ends the run, and its event
        comes again in the next one. Several events may be committed together, when they were there together."""
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                try:
                    for event in batch:
                        await handle(event)
                        self.position = event.sequence
                except Exception:
                    await self._keep()
                    raise
                await self._keep()

    async def events(self) -> AsyncGenerator[StreamedEvent]:
        """Yield each event. The one before counts as handled when the next one is asked for."""
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                for event in batch:
                    yield event
                    self.position = event.sequence
                await self._keep()

    async def _keep(self) -> None:
        """Commit, if there is something to commit. What fails is done with the next commit."""
        if not self._commit or self.position is None or self.position == self._committed:
            return
        try:
            await self._stream.commit(self._endpoint_id, self.position)
        except PASSING as error:
            await self._failed(error)
        else:
            self._succeeded()
            self._committed = self.position

    async def _batches(self) -> AsyncGenerator[list[StreamedEvent]]:
        """Yield what is new, in order."""
        self._succeeded()
        missing: int | None = None
        while True:
            try:
                if self.position is None:
                    self.position = self._committed = await self._begin()
                source = self._pushed(self.position) if self._push else self._polled(self.position)
                async with aclosing(source) as pieces:
                    async for piece in pieces:
                        self._succeeded()
                        batch = self._in_order(piece)
                        if batch:
                            missing = None
                            yield batch
                        if len(batch) < len(piece) and piece[-1].sequence > self.position:
                            # The source has left something out: what comes next is asked for anew, once.
                            if missing == self.position + 1:
                                raise StreamGap(missing, next(e.sequence for e in piece if e.sequence > missing))
                            missing = self.position + 1
                            break
            except EventsGone as gone:
                if not self._skip_gone:
                    raise
                self.skipped += gone.first - 1 - (self.position or 0)
                self.position = gone.first - 1
            except PASSING as error:
                await self._failed(error)

    async def _begin(self) -> int:
        return (await self._stream.stream_page(self._endpoint_id, limit=1)).after

    async def _polled(self, after: int) -> AsyncGenerator[list[StreamedEvent]]:
        page = await self._stream.stream_page(self._endpoint_id, after=after, wait=WAIT)
        yield page.data

    async def _pushed(self, after: int) -> AsyncGenerator[list[StreamedEvent]]:
        # A stream that ends without having brought anything is not asked for again at once.
        began, brought = time.monotonic(), False
        async for piece in self._stream.pushed(self._endpoint_id, after=after):
            brought = True
            yield piece
        if not brought and time.monotonic() - began < 1.0:
            await asyncio.sleep(_FIRST_PAUSE)

    def _in_order(self, piece: list[StreamedEvent]) -> list[StreamedEvent]:
        """Return the events that come next; what was there before is left out, and what comes behind a gap."""
        assert self.position is not None
        following, batch = self.position + 1, []
        for event in piece:
            if event.sequence < following:
                self.repeated += 1
            elif event.sequence == following:
                batch.append(event)
                following += 1
            else:
                break
        return batch

    def _succeeded(self) -> None:
        self._failures, self._last_success = 0, time.monotonic()

    async def _failed(self, error: ApiError | NotReachable) -> None:
        if self._patience is not None and time.monotonic() - self._last_success > self._patience:
            raise error
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
