"""Deliveries a second: the dispatcher on a log that is full, beside a loop that signs and posts.

Both deliver the same number to the same receiver with the same window, which notes when the last one came.
"""

from __future__ import annotations

import asyncio
import time

from edurelay_cli.bench.events import message
from edurelay_cli.bench.figures import Rate, Round
from edurelay_cli.bench.ground import BenchFailed, Ground, still
from edurelay_cli.bench.sizes import WINDOW
from edurelay_cli.bench.usage import cpu_of

_SECONDS = 120.0


async def measure(ground: Ground) -> Rate:
    """Measure both, in turns, while the other services are held still."""
    ours, bares = [], []
    async with ground.endpoint():
        await ground.settled()
        with ground.only("webhook-dispatcher"):
            await _bare_round(ground, ground.sizes.warm_up)
            await _own_round(ground, ground.sizes.warm_up)
            for _ in range(ground.sizes.rounds):
                bares.append(await _bare_round(ground, ground.sizes.delivered))
                ours.append(await _own_round(ground, ground.sizes.delivered))
    return Rate(ours, bares)


async def _own_round(ground: Ground, count: int) -> Round:
    await ground.forget_received()
    dispatcher = ground.stack.process("webhook-dispatcher")
    with still(dispatcher):
        await ground.producer.send_all([message(ground.tenant) for _ in range(count)])
    began, used = time.time(), cpu_of(dispatcher)
    tally = await ground.until_received(count, _SECONDS)
    await ground.settled()
    return Round(count / float(tally["last"] - began), 1000 * (cpu_of(dispatcher) - used) / count)


async def _bare_round(ground: Ground, count: int) -> Round:
    await ground.forget_received()
    loop = ground.bare("delivery", ground.receiver_url, str(count), str(WINDOW))
    process = await asyncio.create_subprocess_exec(*loop.command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise BenchFailed("the bare loop of deliveries did not end well")
    began, used = map(float, output.split())
    return Round(count / ((await ground.received())["last"] - began), 1000 * used / count)
