"""Isolation: what endpoints that hang or are dead cost a healthy one of the same tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle

from edurelay_cli.bench.driver import closed_loop, open_loop, post
from edurelay_cli.bench.events import EVENT_TYPE, published_body
from edurelay_cli.bench.ground import Ground
from edurelay_cli.bench.sizes import LATENCY_RATE, LATENCY_WARM_UP_SECONDS
from edurelay_cli.bench.stages.latency import percentiles
from edurelay_cli.embedded.process import free_port

_TYPE = "bench.neighbour"


async def measure(ground: Ground) -> dict[str, float]:
    """Return the 99th percentile of the healthy endpoint's latency in milliseconds: alone; beside one that hangs and
    gets the same events; beside many that hang and together get as many others a second, each its own; and beside very
    many dead ones, which get an event each, all at once, and try it again."""
    hanging, dead = ground.sizes.neighbours
    slow, nobody = f"{ground.receiver_url}/slow", f"http://127.0.0.1:{free_port()}/"
    async with ground.endpoint(EVENT_TYPE):
        figures = {"alone": (await percentiles(ground))["p99"]}
        async with ground.endpoints(1, slow, EVENT_TYPE):
            figures["beside_1_hanging"] = (await percentiles(ground))["p99"]
        ground.say("isolation beside one that hangs is measured")
        async with AsyncExitStack() as exits:
            types = [f"{_TYPE}.{number}" for number in range(hanging)]
            for each in types:
                await exits.enter_async_context(ground.endpoints(1, slow, each))
            async with _pressed(ground, types):
                figures[f"beside_{hanging}_hanging"] = (await percentiles(ground))["p99"]
        ground.say(f"isolation beside {hanging} that hang is measured")
        async with ground.endpoints(dead, nobody, _TYPE):
            await _publish(ground, _TYPE)
            figures[f"beside_{dead}_dead"] = (await percentiles(ground))["p99"]
    return figures


@asynccontextmanager
async def _pressed(ground: Ground, types: Sequence[str]) -> AsyncIterator[None]:
    """Publish events of these types in turn, as many a second as the healthy endpoint gets."""
    seconds = ground.sizes.latency_seconds + LATENCY_WARM_UP_SECONDS
    requests = cycle([_request(ground, each) for each in types])
    pressing = open_loop(
        _url(ground),
        lambda: next(requests),
        rate=LATENCY_RATE,
        count=LATENCY_RATE * seconds,
        expected=b"202",
        seconds=seconds + 60,
    )
    pressure = asyncio.create_task(pressing)
    try:
        yield
    finally:
        await asyncio.wait([pressure])


async def _publish(ground: Ground, event_type: str) -> None:
    request = iter([_request(ground, event_type)])
    await closed_loop(_url(ground), request, concurrency=1, expected=b"202", seconds=30)


def _url(ground: Ground) -> str:
    return f"{ground.stack.gateway_url}/v1/events"


def _request(ground: Ground, event_type: str) -> bytes:
    return post(_url(ground), published_body(event_type=event_type), ground.authorization)
