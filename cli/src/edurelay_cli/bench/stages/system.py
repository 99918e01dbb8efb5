"""The whole system: events published one by one, to their receipt at one endpoint, everything on the same cores."""

from __future__ import annotations

import os
import time
from itertools import repeat

from edurelay_cli.bench.driver import closed_loop, post
from edurelay_cli.bench.events import published_body
from edurelay_cli.bench.figures import System
from edurelay_cli.bench.ground import BenchFailed, Ground
from edurelay_cli.bench.sizes import PUBLISHERS
from edurelay_cli.bench.usage import cpu_seconds
from edurelay_cli.stack.services import NAMES

_SECONDS = 120.0


async def measure(ground: Ground) -> System:
    """Measure after a warm-up. The CPU is counted until the last state is written."""
    count = ground.sizes.system
    async with ground.endpoint():
        await _publish(ground, ground.sizes.warm_up)
        await ground.until_received(ground.sizes.warm_up, _SECONDS)
        await ground.settled()
        await ground.forget_received()
        pids = {name: ground.pid(name) for name in (*NAMES, *ground.stores)}
        pids |= {"receiver": ground.receiver.pid or 0, "driver": os.getpid()}
        before, began = cpu_seconds(pids), time.time()
        seconds = await _publish(ground, count)
        driver = cpu_seconds({"driver": os.getpid()})
        tally = await ground.until_received(count, _SECONDS)
        await ground.settled()
        after = cpu_seconds(pids) | driver
    if tally["distinct"] != count:
        raise BenchFailed(f"{tally['distinct']:,} different events were received of {count:,}")
    return System(
        accepted_per_s=count / seconds,
        delivered_per_s=count / (tally["last"] - began),
        cpu_ms={name: 1000 * (after[name] - before[name]) / count for name in pids},
        own=NAMES,
        stores=ground.stores,
    )


async def _publish(ground: Ground, count: int) -> float:
    url = f"{ground.stack.gateway_url}/v1/events"
    request = post(url, published_body(), ground.authorization)
    _, seconds = await closed_loop(
        url, repeat(request, count), concurrency=PUBLISHERS, expected=b"202", seconds=_SECONDS
    )
    return seconds
