"""What processes use: seconds of CPU, and the peak of their memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import psutil

from edurelay_cli.embedded.process import Process

#: How often memory is looked at, in seconds.
SAMPLED_EVERY = 0.1

MEGABYTE = 1024 * 1024


def hold_two_cores() -> list[int]:
    """Keep this process, and all that it starts from now on, to two cores; return which."""
    allowed = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    if allowed:
        os.sched_setaffinity(0, allowed)
    return allowed


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the seconds of CPU that each process has used since its start, in user and system mode."""
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: each.user + each.system for name, each in times.items()}


def cpu_of(process: Process) -> float:
    """Return the seconds of CPU of one process that runs."""
    assert process.pid is not None, f"{process.name} does not run"
    return cpu_seconds({process.name: process.pid})[process.name]


@asynccontextmanager
async def peak_memory(pids: Mapping[str, int]) -> AsyncIterator[dict[str, float]]:
    """Yield the largest resident size of each process, in megabytes, as seen while the context is open."""
    peaks = dict.fromkeys(pids, 0.0)
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    async def sample() -> None:
        while True:
            for name, process in processes.items():
                peaks[name] = max(peaks[name], process.memory_info().rss / MEGABYTE)
            await asyncio.sleep(SAMPLED_EVERY)

    sampling = asyncio.create_task(sample())
    try:
        yield peaks
    finally:
        sampling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sampling
