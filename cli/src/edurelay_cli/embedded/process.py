"""One child process: started in a group of its own, its output in a file, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Final

#: Linux gives outgoing connections the ports from 32,768 on, others those from 49,152 on (RFC 6335).
LISTENED_ON: Final = range(20_000, 32_000)
#: Where the search goes on: what was chosen is listened on only later, so the next one is another, and other processes
#: choose too.
_candidates: Final = cycle(random.Random().sample(LISTENED_ON, len(LISTENED_ON)))


class ProcessFailed(RuntimeError):
    """A child process ended, or did not become ready."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses at this moment, and that no outgoing connection is
    given before somebody listens on it."""
    for port in islice(_candidates, len(LISTENED_ON)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ProcessFailed(f"all TCP ports from {LISTENED_ON[0]} to {LISTENED_ON[-1]} are in use; end what uses them")


async def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Return True if somebody accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def tail_of(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, for an error message."""
    if not log.exists():
        return "(no log was written)"
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])


class Process:
    """A child process that can be started, killed and started again with the same command."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(env or {})
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self.running and self._child else None

    @property
    def running(self) -> bool:
        """True from `start` until the process has ended."""
        return self._child is not None and self._child.returncode is None

    async def start(self) -> None:
        """Start the process; its output goes to the end of its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._child = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.env},
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Return the exit code, once there is one."""
        assert self._child is not None, f"{self.name} was never started"
        return await self._child.wait()

    async def until_accepting(self, port: int, seconds: float) -> None:
        """Return when the process accepts connections. Raises `ProcessFailed` if it ends or takes longer."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await accepts(port):
            if not self.running:
                raise ProcessFailed(f"{self.name} ended at its start; the end of {self.log}:\n{tail_of(self.log)}")
            if asyncio.get_running_loop().time() > deadline:
                raise ProcessFailed(f"{self.name} did not answer within {seconds:.0f} s; see {self.log}")
            await asyncio.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, where it still runs."""
        if self.running and self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def kill(self) -> None:
        """End the process as kill -9 does."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            await self._child.wait()

    async def stop(self, seconds: float = 10.0) -> None:
        """Ask the process to end, and end it by force where it takes longer than `seconds`."""
        if not self.running or self._child is None:
            return
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), seconds)
        except TimeoutError:
            await self.kill()
