"""`python -m edurelay_cli.bench.bare.gateway PORT BOOTSTRAP TOPIC`: an aiohttp handler that reads the body, sends it
to Kafka, and answers 202 once all replicas have it."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

from edurelay_cli.bench.bare.producer import bare_producer


async def _serve(port: int, bootstrap: str, topic: str) -> None:
    producer = bare_producer(bootstrap)
    await producer.start()

    async def accept(request: web.Request) -> web.Response:
        await producer.send_and_wait(topic, await request.read())
        return web.Response(status=202, body=b'{"id":"bare"}', content_type="application/json")

    application = web.Application()
    application.router.add_post("/", accept)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
