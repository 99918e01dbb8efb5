"""Fan-out: each event to many endpoints."""

from __future__ import annotations

import time
from itertools import repeat

from edurelay_cli.bench.driver import closed_loop, post
from edurelay_cli.bench.events import published_body
from edurelay_cli.bench.ground import BenchFailed, Ground
from edurelay_cli.bench.sizes import PUBLISHERS

_TYPE = "bench.fanned"
_SECONDS = 120.0


async def measure(ground: Ground) -> dict[str, float]:
    """Return deliveries a second: many events to some endpoints, and one event to very many."""
    events, endpoints = ground.sizes.fan_out
    rates = {}
    async with ground.endpoints(endpoints, ground.receiver_url, _TYPE):
        await _deliver(ground, events // 5, endpoints)
        rates[f"{events}_to_{endpoints}"] = await _deliver(ground, events, endpoints)
    async with ground.endpoints(ground.sizes.widest, ground.receiver_url, _TYPE):
        await _deliver(ground, 1, ground.sizes.widest)
        rates[f"1_to_{ground.sizes.widest}"] = await _deliver(ground, 1, ground.sizes.widest)
    return rates


async def _deliver(ground: Ground, events: int, endpoints: int) -> float:
    await ground.settled()
    await ground.forget_received()
    url = f"{ground.stack.gateway_url}/v1/events"
    request = post(url, published_body(event_type=_TYPE), ground.authorization)
    began = time.time()
    await closed_loop(url, repeat(request, events), concurrency=PUBLISHERS, expected=b"202", seconds=_SECONDS)
    tally = await ground.until_received(events * endpoints, _SECONDS)
    if tally["distinct"] != events:
        raise BenchFailed(f"{tally['distinct']:,} different events were received of {events:,}")
    seconds: float = tally["last"] - began
    return round(events * endpoints / seconds, 1)
