"""Peak memory of the runner and the mapping service while a folder of CSV files is synced."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edurelay_cli.bench.ground import BenchFailed, Ground
from edurelay_cli.bench.records import LAYOUT, write_files
from edurelay_cli.bench.usage import peak_memory

_SECONDS = 240.0


async def measure(ground: Ground, folder: Path, count: int) -> dict[str, float]:
    """Return the peaks in megabytes. The services have to be fresh: what they once used they do not give back."""
    await asyncio.to_thread(write_files, folder, count)
    connection = await ground.other_client.connections.create(
        "GENERIC_CSV", config={"importPath": str(folder), "layout": LAYOUT}, credentials={}
    )
    async with peak_memory({name: ground.pid(name) for name in ("connector-runner", "mapping")}) as peaks:
        run = await ground.other_client.connections.start_run(connection.id)
        async with asyncio.timeout(_SECONDS):
            while not run.ended:
                await asyncio.sleep(0.5)
                run = await ground.other_client.runs.get(run.id)
    if run.status != "succeeded" or run.counts.created != count:
        raise BenchFailed(f"the sync of {count:,} records {run.status}: {run.error or run.counts}")
    return {"runner": round(peaks["connector-runner"], 1), "mapping": round(peaks["mapping"], 1)}
