"""Latency: from the moment at which an event is published to its receipt, at a steady rate that is no strain."""

from __future__ import annotations

import time
from statistics import quantiles

from edurelay_cli.bench.driver import open_loop, post
from edurelay_cli.bench.events import EVENT_TYPE, published_body
from edurelay_cli.bench.ground import Ground
from edurelay_cli.bench.sizes import LATENCY_RATE, LATENCY_WARM_UP_SECONDS


async def measure(ground: Ground) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    async with ground.endpoint(EVENT_TYPE):
        return await percentiles(ground)


async def percentiles(ground: Ground) -> dict[str, float]:
    """Return percentiles in milliseconds, at the one endpoint that there is or beside whatever goes on."""
    await _publish(ground, LATENCY_WARM_UP_SECONDS)
    await ground.forget_received()
    tally = await _publish(ground, ground.sizes.latency_seconds)
    cuts = quantiles(tally["latencies"], n=100, method="inclusive")
    return {f"p{percent}": round(cuts[percent - 1], 2) for percent in (50, 95, 99)}


async def _publish(ground: Ground, seconds: int) -> dict[str, list[float]]:
    url, count = f"{ground.stack.gateway_url}/v1/events", LATENCY_RATE * seconds

    def request() -> bytes:
        return post(url, published_body(time.time()), ground.authorization)

    await open_loop(url, request, rate=LATENCY_RATE, count=count, expected=b"202", seconds=seconds + 30)
    return await ground.until_received(count, 30)
