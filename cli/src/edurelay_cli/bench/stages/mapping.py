"""Records mapped a second: the mapping service, beside a loop that consumes, inserts and sends.

Each side finds the same number of records waiting, and is let go; it is done when their events are in the log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from edurelay.events.topics import EVENTS, RECORDS, Topic
from edurelay_cli.bench.figures import Rate, Round
from edurelay_cli.bench.ground import Ground, still
from edurelay_cli.bench.records import batches
from edurelay_cli.bench.topics import BARE_EVENTS, BARE_RECORDS
from edurelay_cli.bench.usage import cpu_of
from edurelay_cli.embedded.process import Process

_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Side:
    """Who works, from which topic, into which."""

    process: Process
    records: Topic
    events: Topic


async def measure(ground: Ground) -> Rate:
    """Measure both, in turns, while the other services are held still."""
    bare = _Side(
        ground.bare("mapping", ground.stack.bootstrap, BARE_RECORDS.name, BARE_EVENTS.name, ground.stack.mongo_uri),
        BARE_RECORDS,
        BARE_EVENTS,
    )
    own = _Side(ground.stack.process("mapping"), RECORDS, EVENTS)
    ours, bares = [], []
    await bare.process.start()
    try:
        with ground.only("mapping"):
            for side in (bare, own):
                await _round(ground, side, ground.sizes.warm_up)
            for _ in range(ground.sizes.rounds):
                bares.append(await _round(ground, bare, ground.sizes.mapped))
                ours.append(await _round(ground, own, ground.sizes.mapped))
    finally:
        await bare.process.stop()
    await ground.settled()
    return Rate(ours, bares)


async def _round(ground: Ground, side: _Side, count: int) -> Round:
    expected = count + await ground.offsets.written(side.events)

    async def told() -> bool:
        return await ground.offsets.written(side.events) >= expected

    with still(side.process):
        waiting = [replace(message, topic=side.records.name) for message in batches(ground.other_tenant, count)]
        await ground.producer.send_all(waiting)
    began, used = time.perf_counter(), cpu_of(side.process)
    await ground.until(f"the events of {count:,} records were in {side.events.name}", told, _SECONDS)
    seconds = time.perf_counter() - began
    return Round(count / seconds, 1000 * (cpu_of(side.process) - used) / count)
