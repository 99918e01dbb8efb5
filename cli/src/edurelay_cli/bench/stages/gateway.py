"""Events accepted a second: `POST /v1/events`, one event each, beside an aiohttp handler that only sends to Kafka."""

from __future__ import annotations

from itertools import repeat

from edurelay_cli.bench.driver import closed_loop, post
from edurelay_cli.bench.events import published_body
from edurelay_cli.bench.figures import Rate, Round
from edurelay_cli.bench.ground import Ground
from edurelay_cli.bench.sizes import PUBLISHERS
from edurelay_cli.bench.topics import BARE_EVENTS
from edurelay_cli.bench.usage import cpu_of
from edurelay_cli.embedded.process import Process, free_port

_SECONDS = 120.0


async def measure(ground: Ground) -> Rate:
    """Measure both, in turns, while everything behind the log is held still."""
    port = free_port()
    bare = ground.bare("gateway", str(port), ground.stack.bootstrap, BARE_EVENTS.name)
    await bare.start()
    try:
        await bare.until_accepting(port, 20)
        url, bare_url = f"{ground.stack.gateway_url}/v1/events", f"http://127.0.0.1:{port}/"
        body = published_body()
        request, bare_request = post(url, body, ground.authorization), post(bare_url, body)
        own = ground.stack.process("gateway")
        ours, bares = [], []
        with ground.only("gateway"):
            await _round(bare, bare_url, bare_request, ground.sizes.warm_up)
            await _round(own, url, request, ground.sizes.warm_up)
            for _ in range(ground.sizes.rounds):
                bares.append(await _round(bare, bare_url, bare_request, ground.sizes.published))
                ours.append(await _round(own, url, request, ground.sizes.published))
    finally:
        await bare.stop()
    await ground.settled()
    return Rate(ours, bares)


async def _round(process: Process, url: str, request: bytes, count: int) -> Round:
    used = cpu_of(process)
    answered, seconds = await closed_loop(
        url, repeat(request, count), concurrency=PUBLISHERS, expected=b"202", seconds=_SECONDS
    )
    return Round(answered / seconds, 1000 * (cpu_of(process) - used) / answered)
