"""Isolation: what endpoints that hang or are dead cost a healthy one of the same tenant."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from edurelay_cli.bench.driver import closed_loop, open_loop, post
from edurelay_cli.bench.events import EVENT_TYPE, published_body
from edurelay_cli.bench.ground import Ground
from edurelay_cli.bench.sizes import LATENCY_RATE, LATENCY_WARM_UP_SECONDS
from edurelay_cli.bench.stages.latency import percentiles
from edurelay_cli.embedded.process import free_port

_TYPE = "bench.neighbour"


async def measure(ground: Ground) -> dict[str, float]:
    """Return the 99th percentile of the healthy endpoint's latency in milliseconds: alone, and beside others that get
    as many deliveries a second as it does, all in all; the dead ones get one each, at once, and try it again."""
    hanging, dead = ground.sizes.neighbours
    slow, nobody = f"{ground.receiver_url}/slow", f"http://127.0.0.1:{free_port()}/"
    async with ground.endpoint(EVENT_TYPE):
        figures = {"alone": (await percentiles(ground))["p99"]}
        figures["beside_1_hanging"] = await _beside(ground, 1, slow, LATENCY_RATE)
        figures[f"beside_{hanging}_hanging"] = await _beside(ground, hanging, slow, LATENCY_RATE / hanging)
        figures[f"beside_{dead}_dead"] = await _beside(ground, dead, nobody, None)
    return figures


async def _beside(ground: Ground, count: int, url: str, rate: float | None) -> float:
    """Measure beside neighbours that get `rate` events a second, or a single one before the measurement."""
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(ground.endpoints(count, url, _TYPE))
        publish = f"{ground.stack.gateway_url}/v1/events"
        request = post(publish, published_body(event_type=_TYPE), ground.authorization)
        if rate is None:
            await closed_loop(publish, iter([request]), concurrency=1, expected=b"202", seconds=30)
        else:
            seconds = ground.sizes.latency_seconds + LATENCY_WARM_UP_SECONDS
            events = max(1, int(rate * seconds))
            pressing = open_loop(
                publish, lambda: request, rate=rate, count=events, expected=b"202", seconds=seconds + 60
            )
            pressure = asyncio.create_task(pressing)
            exits.push_async_callback(asyncio.wait, [pressure])
        return (await percentiles(ground))["p99"]
