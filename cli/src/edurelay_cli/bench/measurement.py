"""The measurement as a whole: which stages on which stack, in which order."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from edurelay_cli.bench.figures import Figures
from edurelay_cli.bench.ground import ground
from edurelay_cli.bench.sizes import Sizes
from edurelay_cli.bench.stages import (
    delivery,
    fan_out,
    gateway,
    isolation,
    latency,
    mapping,
    memory,
    pending,
    recovery,
    system,
)
from edurelay_cli.stack import StackFolder

_RATES = {"gateway": gateway.measure, "mapping": mapping.measure, "delivery": delivery.measure}

STAGES = (*_RATES, "system", "latency", "fan-out", "isolation", "recovery", "pending", "memory")


async def measure(folder: StackFolder, sizes: Sizes, stages: Collection[str], console: Console) -> Figures:
    """Measure some of `STAGES`. SIGTERM ends it early, and everything that it started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures = Figures()
    if set(stages) - {"memory"}:
        await _measure_speed(folder, sizes, stages, console, figures)
    if "memory" in stages:
        await _measure_memory(folder, sizes, console, figures)
    return figures


async def _measure_speed(
    folder: StackFolder, sizes: Sizes, stages: Collection[str], console: Console, figures: Figures
) -> None:
    _start_afresh(folder)
    console.print("[dim]… starting the stack[/]")
    async with ground(folder, sizes, folder.path) as place:
        for name, rate in _RATES.items():
            if name in stages:
                console.print(f"[dim]… {name}[/]")
                figures.rates[name] = await rate(place)
        if "system" in stages:
            console.print("[dim]… the whole system[/]")
            figures.system = await system.measure(place)
        if "latency" in stages:
            console.print("[dim]… latency[/]")
            figures.latency_ms = await latency.measure(place)
        if "fan-out" in stages:
            console.print("[dim]… fan-out[/]")
            figures.fan_out = await fan_out.measure(place)
        if "isolation" in stages:
            console.print("[dim]… isolation[/]")
            figures.isolation_p99_ms = await isolation.measure(place)
        if "recovery" in stages:
            console.print("[dim]… recovery[/]")
            figures.recovery = await recovery.measure(place)
        if "pending" in stages:
            console.print(f"[dim]… {' and '.join(f'{size:,}' for size in sizes.pending)} pending[/]")
            figures.pending = await pending.measure(place)


async def _measure_memory(folder: StackFolder, sizes: Sizes, console: Console, figures: Figures) -> None:
    peaks: dict[str, dict[str, float]] = {"runner": {}, "mapping": {}}
    for count in sizes.memory:
        console.print(f"[dim]… memory at {count:,} records, on a fresh stack[/]")
        _start_afresh(folder)
        files = folder.path / "files" / str(count)
        async with ground(folder, sizes, files) as place:
            for name, peak in (await memory.measure(place, files, count)).items():
                peaks[name][str(count)] = peak
        shutil.rmtree(files)
    figures.memory_mb = peaks


def _start_afresh(folder: StackFolder) -> None:
    """Forget the data of an earlier measurement."""
    shutil.rmtree(folder.data, ignore_errors=True)
    Path(folder.path / "tenants.json").unlink(missing_ok=True)
