"""The measurement as a whole: which stages on which stack, in which order."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from rich.console import Console

from edurelay_cli.bench.figures import Figures, Measured
from edurelay_cli.bench.ground import Ground, ground
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

_STAGES: dict[str, Callable[[Ground], Awaitable[Measured]]] = {
    "gateway": gateway.measure,
    "mapping": mapping.measure,
    "delivery": delivery.measure,
    "system": system.measure,
    "latency": latency.measure,
    "fan-out": fan_out.measure,
    "isolation": isolation.measure,
    "recovery": recovery.measure,
    "pending": pending.measure,
}

#: Everything that can be measured, in its order.
STAGES = (*_STAGES, "memory")


async def measure(folder: StackFolder, sizes: Sizes, stages: Collection[str], console: Console) -> Figures:
    """Measure some of `STAGES`, and print what each has shown when it ends. SIGTERM ends it early, and everything that
    it started."""
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
    say = _speaker(console)
    say("starting the stack")
    async with ground(folder, sizes, folder.path, say) as place:
        for name, measured in _STAGES.items():
            if name in stages:
                say(name)
                figures.take(name, await measured(place))
                figures.show(name, console)


async def _measure_memory(folder: StackFolder, sizes: Sizes, console: Console, figures: Figures) -> None:
    peaks: dict[str, dict[str, float]] = {"runner": {}, "mapping": {}}
    say = _speaker(console)
    for count in sizes.memory:
        say(f"memory at {count:,} records, on a fresh stack")
        _start_afresh(folder)
        files = folder.path / "files" / str(count)
        async with ground(folder, sizes, files, say) as place:
            for name, peak in (await memory.measure(place, files, count)).items():
                peaks[name][str(count)] = peak
        shutil.rmtree(files)
    figures.take("memory", peaks)
    figures.show("memory", console)


def _speaker(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{time.strftime('%H:%M:%S')} … {text}[/]")


def _start_afresh(folder: StackFolder) -> None:
    """Forget the data of an earlier measurement."""
    shutil.rmtree(folder.data, ignore_errors=True)
    Path(folder.path / "tenants.json").unlink(missing_ok=True)
