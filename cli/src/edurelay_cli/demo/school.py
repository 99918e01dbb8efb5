"""The demo's school: a simulated Moodle in a process of its own, which can be asked and told to change."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from edurelay_cli.embedded.process import Process, ProcessFailed, tail_of


@dataclass(frozen=True, slots=True)
class Moodle:
    """A simulated Moodle and the token that its web services take."""

    url: str
    token: str
    session: aiohttp.ClientSession

    async def change_students(self, count: int, seed: int) -> list[str]:
        """Change that many students for real; return their ids."""
        body = {"students": count, "seed": seed}
        async with self.session.post(f"{self.url}/_sandbox/change", json=body, raise_for_status=True) as answer:
            changed: dict[str, Any] = await answer.json()
        return [str(each) for each in changed["students"]]


@asynccontextmanager
async def moodle(folder: Path, *, students: int, courses: int, seed: int) -> AsyncIterator[Moodle]:
    """Serve a generated school."""
    folder.mkdir(parents=True, exist_ok=True)
    announced = folder / "moodle.json"
    announced.unlink(missing_ok=True)
    command = [sys.executable, "-m", "edurelay_sandbox", "moodle", "--announce", str(announced), "--seed", str(seed)]
    command += ["--students", str(students), "--courses", str(courses)]
    process = Process("moodle", command, folder / "moodle.log")
    await process.start()
    try:
        async with asyncio.timeout(60):
            while not announced.exists():
                if not process.running:
                    raise ProcessFailed(f"the simulated Moodle did not start:\n{tail_of(process.log)}")
                await asyncio.sleep(0.05)
        found = json.loads(announced.read_text())
        async with aiohttp.ClientSession() as session:
            yield Moodle(found["url"], found["token"], session)
    finally:
        await process.stop()
