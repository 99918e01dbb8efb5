"""`python -m edurelay_cli.bench.bare.delivery URL COUNT CONCURRENCY`: signs and posts that often, and prints the Unix
time at which it began, and the seconds of CPU that it took."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import uvloop

from edurelay.events.ids import new_event_id
from edurelay.security.signatures import new_secret, standard_headers
from edurelay_cli.bench.events import delivered_body


async def _deliver(url: str, count: int, concurrency: int) -> tuple[float, float]:
    secret, body = new_secret(), delivered_body()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post() -> None:
            headers = standard_headers(new_event_id(), int(time.time()), body, [secret])
            headers["content-type"] = "application/json"
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"the receiver answered {answer.status}")

        async def work(times: int) -> None:
            for _ in range(times):
                await post()

        # The service has its connections open from the rounds before.
        await asyncio.gather(*(work(1) for _ in range(concurrency)))
        began, used = time.time(), time.process_time()
        await asyncio.gather(*(work(len(range(start, count, concurrency))) for start in range(concurrency)))
        return began, time.process_time() - used


if __name__ == "__main__":
    print(*uvloop.run(_deliver(sys.argv[1], *map(int, sys.argv[2:]))))
