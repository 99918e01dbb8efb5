"""The listener's own HTTP server: verifies what comes, hands it on where that is wanted, and answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from edurelay_cli.listening.forwarding import Forwarded, Forwarder
from edurelay_client import InvalidSignature, verify
from edurelay_client.receiver.event import MalformedBody, WebhookEvent, event_of

#: The event by which a listener finds out that it can be reached.
TEST_TYPE = "endpoint.test"

_MOST_BYTES = 2 * 1024 * 1024
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery that came. `event` is None where the body holds none, `doubt` says why it was not verified."""

    at: datetime
    event: WebhookEvent | None
    body: bytes
    doubt: str | None
    again: bool
    status: int
    forwarded: Forwarded | None


class Catcher:
    """Takes deliveries, `most` of them where that is given, and puts them into `arrivals`.

    None is answered before the `secret` is known: the first may come before its endpoint's maker has the answer.
    """

    def __init__(self, forwarder: Forwarder | None, most: int | None) -> None:
        self.arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
        self.tested = asyncio.Event()
        self._forwarder = forwarder
        self._left = most
        self._secret: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)

    def trust(self, secret: str) -> None:
        """Verify with this secret from now on."""
        self._secret.set_result(secret)

    async def catch(self, request: web.Request) -> web.Response:
        """Take one request."""
        body = await request.read()
        doubt = _doubt(request, body, await asyncio.shield(self._secret))
        event = _event(request, body)
        if doubt is None and event is not None and event.type == TEST_TYPE and not self.tested.is_set():
            self.tested.set()
            return web.Response(status=204)
        if doubt is None and not self._has_room():
            return web.Response(status=503, text="the listener has what it waited for")
        forwarded = None
        if doubt is None and self._forwarder is not None:
            forwarded = await self._forwarder.forward(request.headers, body)
        response = _response(doubt, forwarded)
        again = event is not None and event.key in self._seen
        if event is not None and doubt is None:
            self._seen.append(event.key)
        now = datetime.now().astimezone()
        self.arrivals.put_nowait(Arrival(now, event, body, doubt, again, response.status, forwarded))
        return response

    def _has_room(self) -> bool:
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


@asynccontextmanager
async def serving(catcher: Catcher, port: int) -> AsyncIterator[int]:
    """Serve on the loopback interface, on a free port where `port` is 0; yields the port. Raises `OSError`."""
    application = web.Application(client_max_size=_MOST_BYTES)
    application.router.add_post("/{path:.*}", catcher.catch)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _doubt(request: web.Request, body: bytes, secret: str) -> str | None:
    try:
        verify(request.headers, body, secret)
    except InvalidSignature as error:
        return str(error)
    return None


def _event(request: web.Request, body: bytes) -> WebhookEvent | None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        return event_of(headers, body, headers.get("webhook-id"))
    except MalformedBody:
        return None


def _response(doubt: str | None, forwarded: Forwarded | None) -> web.Response:
    if doubt is not None:
        return web.Response(status=401, text=doubt)
    if forwarded is None:
        return web.Response(status=204)
    return web.Response(status=forwarded.status, headers=forwarded.headers, body=forwarded.body)
