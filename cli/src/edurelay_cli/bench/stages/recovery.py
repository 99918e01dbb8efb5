"""Recovery: kill -9 of all four services while events are published one by one, and what follows."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

import aiohttp

from edurelay_cli.bench.events import EVENT_TYPE
from edurelay_cli.bench.ground import BenchFailed, Ground
from edurelay_cli.bench.sizes import PUBLISHERS
from edurelay_cli.stack.services import NAMES

_SECONDS = 120.0
#: The pause before what was not accepted is published again, in seconds.
_PAUSE = 0.05


async def measure(ground: Ground) -> dict[str, float]:
    """Return how many of the accepted events were lost, how many deliveries came once more than they had to, and how
    many seconds after the kill the first one came. The supervisor starts the services again."""
    count = ground.sizes.recovered
    async with ground.endpoint(EVENT_TYPE), asyncio.TaskGroup() as publishing:
        left = iter(range(count))
        for _ in range(PUBLISHERS):
            publishing.create_task(_publish(ground, left))
        await ground.until_received(count // 2, _SECONDS)
        killed = time.time()
        for name in NAMES:
            ground.stack.process(name).signal(signal.SIGKILL)
        before = (await ground.received())["count"]
        await ground.until_received(before + 1, _SECONDS)
        seconds = time.time() - killed
        await _until_all(ground, count)
        await ground.settled()
        tally = await ground.received()
    return {
        "lost": count - tally["distinct"],
        "repeated": tally["count"] - tally["distinct"],
        "seconds": round(seconds, 1),
    }


async def _publish(ground: Ground, left: Iterator[int]) -> None:
    """Publish one after the other, each until it is accepted."""
    for number in left:
        event = {"id": f"recovered-{number}", "type": EVENT_TYPE, "data": {}}
        while not await _accepted(ground, event):  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(_PAUSE)


async def _accepted(ground: Ground, event: Mapping[str, object]) -> bool:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with ground.http.post(
            f"{ground.stack.gateway_url}/v1/events", json=event, headers=ground.authorization
        ) as answer:
            if answer.status not in (202, 503):
                raise BenchFailed(f"an event was answered with {answer.status}")
            return answer.status == 202
    return False


async def _until_all(ground: Ground, count: int) -> None:
    async def all_came() -> bool:
        return int((await ground.received())["distinct"]) >= count

    await ground.until(f"{count:,} different events were received", all_came, _SECONDS, pause=0.2)
