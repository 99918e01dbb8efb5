"""The demo's own webhook receiver: verifies every signature, and counts what came, how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from edurelay_cli.embedded.process import free_port
from edurelay_client import InvalidSignature, verify


@dataclass(slots=True)
class Receiver:
    """A receiver at `url`. `secret` is the endpoint's, once there is one.

    `times` counts how often each event id came, `types` how many different events of each type, `subjects` holds the
    ids of what the events since the last `forget` were about.
    """

    url: str
    secret: str = ""
    forged: int = 0
    times: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    external_ids: set[str] = field(default_factory=set)

    @property
    def events(self) -> int:
        """How many different events came."""
        return len(self.times)

    @property
    def repeats(self) -> int:
        """How many deliveries came once more than they had to."""
        return self.times.total() - self.events

    async def receive(self, request: web.Request) -> web.Response:
        """Take one webhook."""
        body = await request.read()
        try:
            verify(request.headers, body, self.secret)
        except InvalidSignature:
            self.forged += 1
            return web.Response(status=401)
        event = orjson.loads(body)
        self.times[event["id"]] += 1
        if self.times[event["id"]] == 1:
            self.types[event["event"]] += 1
            self.external_ids.add(event["data"]["external_id"])
        return web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Receive at a free port of the loopback interface."""
    port = free_port()
    receiver = Receiver(f"http://127.0.0.1:{port}/webhooks")
    application = web.Application()
    application.router.add_post("/webhooks", receiver.receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield receiver
    finally:
        await runner.cleanup()
