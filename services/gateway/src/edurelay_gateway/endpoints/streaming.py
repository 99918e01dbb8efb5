"""The stream of an endpoint as server-sent events: one request that goes on for as long as its reader reads.

Nothing is read ahead of the reader beyond a page, and each reader that is too slow or gone gives its place back. A
dispatcher that is away is waited for. The end of the request is never the end of the stream: the reader comes back with
the number that it has.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import orjson
from aiohttp import hdrs, web

from edurelay.mongo import StoreUnavailable
from edurelay.runtime.logging import get_logger
from edurelay.web.operation import Call
from edurelay.web.problems import Problem
from edurelay.web.route import to_json
from edurelay_gateway.deliveries.models import StreamedEvent, StreamPage, StreamQuery
from edurelay_gateway.endpoints.traffic import EndpointTraffic
from edurelay_gateway.errors import Missing, NotInForce, Overloaded, TooManyStreams

T = TypeVar("T")

CONTENT_TYPE: Final = "text/event-stream"
#: How long a reader is left without a word, in seconds, and how long it may take to read what was sent.
HEARTBEAT: Final = 10.0
SLOW: Final = 60.0
#: For how long one request goes on, in seconds: a reader whose key was revoked is told when it comes back.
LONGEST: Final = 900.0
#: How soon a reader comes back, and how soon one for whom nothing is left, in milliseconds.
RETRY, RETRY_GONE = 1_000, 60_000
#: How long a dispatcher that does not answer is left alone, in seconds.
PAUSE: Final = 1.0
#: Numbers are below this, and have so many digits at most.
_BEYOND: Final = 2**53
_DIGITS: Final = len(str(_BEYOND))

#: What passes by itself.
_AWAY: Final[tuple[type[Exception], ...]] = (NotInForce, *StoreUnavailable)

_HEADERS = {
    hdrs.CONTENT_TYPE: CONTENT_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # A proxy that collects before it passes on would hold events back.
}

_log = get_logger(__name__)


def wanted_by(request: web.Request) -> bool:
    """Tell whether a request asks for server-sent events."""
    accepted = ",".join(request.headers.getall(hdrs.ACCEPT, [])).split(",")
    return any(each.partition(";")[0].strip().lower() == CONTENT_TYPE for each in accepted)


class EventStreams:
    """Serves streams until `stopping`: at most `per_tenant` of each tenant at a time, and `most` altogether."""

    def __init__(self, traffic: EndpointTraffic, stopping: asyncio.Event, *, per_tenant: int, most: int) -> None:
        self._traffic = traffic
        self._stopping = stopping
        self._per_tenant = per_tenant
        self._most = most
        self._open: Counter[str] = Counter()

    async def serve(self, call: Call[None, StreamQuery]) -> web.StreamResponse:
        """Send what the stream has behind the reader's last number, and then what comes. Raises `Missing`,
        `TooManyStreams`, `Overloaded`."""
        query = call.query.model_copy(update={"after": _place(call.request, call.query.after)})
        endpoint_id = call.path["endpoint_id"]
        await self._traffic.check(call.tenant, endpoint_id)
        with self._place_of(call.tenant):
            reader = _Reader(call.request)
            try:
                await reader.begin()
                await self._follow(reader, call.tenant, endpoint_id, query)
                await reader.end()
            except (ConnectionError, TimeoutError):
                reader.abort()
            except Exception:
                # The answer has begun, so that nothing else can be answered any more.
                _log.exception("a stream broke off", endpoint=endpoint_id)
                reader.abort()
        return reader.response

    async def _follow(self, reader: _Reader, tenant: str, endpoint_id: str, query: StreamQuery) -> None:
        ended = asyncio.get_running_loop().time() + LONGEST
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not stopping.done() and asyncio.get_running_loop().time() < ended and not reader.gone:
                try:
                    turn = self._traffic.turn(tenant, endpoint_id, query)
                    page: StreamPage | None = await reader.beating(turn, stopping)
                except Missing:
                    return
                except Problem as problem:
                    if problem.code == "events_gone":
                        await reader.say_gone(problem)
                        return
                    if problem.status < 500:
                        raise
                    await reader.beating(asyncio.sleep(PAUSE), stopping)
                    continue
                except _AWAY:
                    await reader.beating(asyncio.sleep(PAUSE), stopping)
                    continue
                if page is None:
                    return
                for event in page.data:
                    await reader.send(event)
                query = query.model_copy(update={"after": page.last})
        finally:
            stopping.cancel()

    @contextmanager
    def _place_of(self, tenant: str) -> Iterator[None]:
        if self._open[tenant] >= self._per_tenant:
            raise TooManyStreams(self._per_tenant)
        if self._open.total() >= self._most:
            raise Overloaded
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


class _Reader:
    """Whoever reads, at the other end of a request."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._written = 0.0
        self.response = web.StreamResponse(headers=_HEADERS)

    @property
    def gone(self) -> bool:
        """True where nobody reads any more."""
        return self._request.transport is None or self._request.transport.is_closing()

    async def begin(self) -> None:
        """Begin the answer."""
        await self.response.prepare(self._request)
        await self._write(b"retry: %d\n\n" % RETRY)

    async def send(self, event: StreamedEvent) -> None:
        """Send one event."""
        kind = b"event: %b\n" % event.event_type.encode() if event.event_type is not None else b""
        await self._write(b"id: %d\n%bdata: %b\n\n" % (event.sequence, kind, to_json(event)))

    async def say_gone(self, problem: Problem) -> None:
        """Say that what comes next is there no more. It has no id, so that the reader keeps its own."""
        told = orjson.dumps({"code": problem.code, "detail": problem.detail, **problem.extensions})
        await self._write(b"retry: %d\nevent: gone\ndata: %b\n\n" % (RETRY_GONE, told))

    async def beating(self, step: Awaitable[T], stopping: asyncio.Task[bool]) -> T | None:
        """Return the outcome of a step, or None where `stopping` is done before it; let the reader know meanwhile that
        we are there."""
        task = asyncio.ensure_future(step)
        try:
            while True:
                left = max(0.0, self._written + HEARTBEAT - self._loop.time())
                await asyncio.wait({task, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
                if stopping.done() or self.gone:
                    return None
                if self._loop.time() >= self._written + HEARTBEAT:
                    await self._write(b": still here\n\n")
        finally:
            task.cancel()

    async def end(self) -> None:
        """End the answer."""
        if not self.gone:
            async with asyncio.timeout(SLOW):
                await self.response.write_eof()

    def abort(self) -> None:
        """Give up what was not read."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(SLOW):
            await self.response.write(data)
        self._written = self._loop.time()


def _place(request: web.Request, after: int | None) -> int | None:
    """Return the last number that the reader has: who comes back by itself says it in a header, and in the address
    still where it began. Raises a 422 problem."""
    told = request.headers.get("Last-Event-ID", "").strip()
    if not told:
        return after
    if not (told.isascii() and told.isdecimal() and len(told) <= _DIGITS and int(told) < _BEYOND):
        raise Problem(422, "invalid_request", "This is no number of a stream.", field="Last-Event-ID")
    return int(told)
