"""Small real services, started as processes of their own and spoken to by signals and through stderr."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

ENVIRONMENT = {
    "EDURELAY_KAFKA": "broker:9092",
    "EDURELAY_MONGO": "mongodb://hub:mongo-canary@db/",
    "EDURELAY_HTTP_PORT": "1",
    "EDURELAY_INTERNAL_TOKEN": "internal-canary",
    "EDURELAY_SEAL_KEYS": "seal-canary",
    "EDURELAY_DRAIN_SECONDS": "1",
    "EDURELAY_LOG_LEVEL": "DEBUG",
}

_HEAD = """
import asyncio, sys
from contextlib import asynccontextmanager
from edurelay.runtime.logging import get_logger
from edurelay.runtime.settings import ServiceSettings
from edurelay.runtime.supervisor import run_service

log = get_logger("program")

@asynccontextmanager
async def part(name, stop=0.0):
    log.info("entered", part=name)
    yield name
    await asyncio.sleep(stop)
    log.info("left", part=name)
"""

_TAIL = """
sys.exit(run_service("program", ServiceSettings.load(), build))
"""


class Program:
    """A running service: its log lines, as they come, and how it ended."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def wait_for(self, event: str) -> dict[str, Any]:
        """Return the next log line that tells of this event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while text := await self.process.stderr.readline():
                line: dict[str, Any] = orjson.loads(text)
                self.lines.append(line)
                if line["event"] == event:
                    return line
        raise AssertionError(f"the program ended without {event!r}: {self.lines}")

    async def end(self) -> int:
        """Wait for the end; return the exit code."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            for text in (await self.process.stderr.read()).splitlines():
                self.lines.append(orjson.loads(text))
            return await self.process.wait()

    def told(self, event: str, field: str) -> list[Any]:
        """Return a field of all lines that tell of this event."""
        return [line[field] for line in self.lines if line["event"] == event]


@asynccontextmanager
async def running(build: str) -> AsyncIterator[Program]:
    """Run a service whose `build` is given as source text; whatever happens, it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HEAD + build + _TAIL, env=os.environ | ENVIRONMENT, stderr=PIPE
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
