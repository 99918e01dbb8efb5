"""Scripted webhook receivers on real sockets: each answers as the test says, and keeps all that came."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass(frozen=True)
class Request:
    """One request that came; `at` is the loop's time, `port` the sender's end of the connection, and `client` the name
    in the certificate that it showed."""

    headers: dict[str, str]
    body: bytes
    at: float
    port: int = 0
    client: str | None = None

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


#: Says how request number `n` (from 0) is answered: by a status, or by a response.
Script = Callable[[int], int | web.Response]


@dataclass
class Receiver:
    """A receiver at `url`; `script` may be changed while it serves. `open` unset holds every answer back."""

    url: str
    script: Script
    requests: list[Request] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[str]:
        """The ids of the events that came, in order, repetitions included."""
        return [request.headers["webhook-id"] for request in self.requests]

    async def until(self, count: int, seconds: float = 60.0) -> list[Request]:
        """Return the requests once there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                await asyncio.sleep(0.02)
        return self.requests

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        at, port = asyncio.get_running_loop().time(), request.get_extra_info("peername", ("", 0))[1]
        self.requests.append(Request(headers, body, at, port, _name(request.get_extra_info("peercert"))))
        answer = self.script(len(self.requests) - 1)
        await self.open.wait()
        return web.Response(status=answer) if isinstance(answer, int) else answer


@asynccontextmanager
async def receiving(script: Script | int = 204, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serve a receiver, behind TLS if there is a context. A number as its script is the status of every answer."""
    status = script
    receiver = Receiver("", (lambda _: status) if isinstance(status, int) else status)
    receiver.open.set()
    application = web.Application()
    application.router.add_post("/{tail:.*}", receiver._receive)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        receiver.open.set()
        await runner.cleanup()


def _name(certificate: dict[str, Any] | None) -> str | None:
    return certificate["subject"][0][0][1] if certificate else None
