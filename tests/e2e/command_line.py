"""`edurelay` as a user calls it, against the session's stack: in this process, and as a child."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from edurelay_cli.__main__ import main

SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def one(self) -> dict[str, Any]:
        """The only line of JSON."""
        (found,) = self.lines
        return found


@dataclass(frozen=True)
class CommandLine:
    """A tenant's command line."""

    environment: dict[str, str]
    folder: Path

    async def __call__(self, *words: str, stdin: str = "") -> Result:
        """Run a command to its end."""
        return await asyncio.to_thread(self._run, words, stdin)

    def _run(self, words: tuple[str, ...], stdin: str) -> Result:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            patch.object(sys, "argv", ["edurelay", *words]),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.dict(os.environ, self.environment),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Result(code, out.getvalue(), err.getvalue())

    async def apart(self, *words: str) -> Result:
        """Run a command as a process of its own to its end."""
        async with self.child(*words) as child:
            out, err = await child.process.communicate()
            return Result(child.process.returncode or 0, out.decode(), err.decode())

    @asynccontextmanager
    async def child(self, *words: str) -> AsyncIterator[Child]:
        """Start a command as a process; killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edurelay_cli", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env=os.environ | self.environment,
            # A shell has what it starts in the background ignore Ctrl-C, and with it everything below.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield Child(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@dataclass(frozen=True)
class Child:
    """A command that runs."""

    process: asyncio.subprocess.Process

    async def said(self, text: str) -> str:
        """Return the first line on standard error that holds `text`."""
        return await self._line(self.process.stderr, text)

    async def printed(self, text: str = "") -> str:
        """Return the next line on standard output that holds `text`."""
        return await self._line(self.process.stdout, text)

    async def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if one is given, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()

    async def _line(self, stream: asyncio.StreamReader | None, text: str) -> str:
        assert stream is not None
        seen = []
        async with asyncio.timeout(SECONDS):
            while line := (await stream.readline()).decode():
                if text in line:
                    return line
                seen.append(line)
        raise AssertionError(f"{text!r} never came, but {seen}")
