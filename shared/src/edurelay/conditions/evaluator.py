"""Evaluating conditions: a client of the process that does it (`worker`), which it starts, watches and replaces.

The process stands apart so that no expression can hold this one up: one that takes too long costs the process its
life, and its event the time of a new start, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import orjson

from edurelay.conditions.worker import BUDGET, READY
from edurelay.runtime.logging import get_logger

#: How long the process may be silent, in seconds, before it is taken for lost: many times what an evaluation gets.
SILENCE = 10.0
PAUSES = (0.1, 0.5, 1.0, 5.0)
#: What the process needs of our environment; our secrets are none of its business.
INHERITED = ("PATH", "PYTHONPATH", "LANG")
#: How a process ends that somebody else ended: no condition is to blame for that.
BLAMELESS = (0, -signal.SIGKILL, -signal.SIGTERM)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """A condition could not be evaluated. `costly` says that it would have taken more than it may."""

    reason: str
    costly: bool = False


Answer = bool | Failed

TOO_COSTLY = Failed(f"it takes more than {BUDGET * 1000:.0f} ms of processor time, or too much memory", costly=True)


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these conditions hold for an event? `data` is JSON text."""

    conditions: Sequence[str]
    type: str
    subject: str | None
    time: str
    data: bytes

    def frames(self, first: int) -> bytes:
        """Return what the process is asked, from the condition `first` on."""
        head = {"type": self.type, "subject": self.subject, "time": self.time, "conditions": self.conditions[first:]}
        return _frame(orjson.dumps(head)) + _frame(self.data)


class _Gone(Exception):
    """The process ended; `status` is what the system says of its end."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Evaluator:
    """Evaluates conditions. The process is started at the first question; use it as an async context manager."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """Return the answers to each question, in the order of its conditions."""
        answers: list[list[Answer]] = [[] for _ in questions]
        async with self._turn:
            silent = 0
            while any(_open(questions, answers)):
                try:
                    await self._exchange(questions, answers)
                except _Gone as gone:
                    if gone.status not in BLAMELESS:
                        next(_open(questions, answers))[1].append(TOO_COSTLY)
                except (OSError, TimeoutError) as error:
                    _log.warning("conditions cannot be evaluated, trying again", reason=repr(error))
                    await asyncio.sleep(PAUSES[min(silent, len(PAUSES) - 1)])
                    silent += 1
        return answers

    async def _exchange(self, questions: Sequence[Question], answers: list[list[Answer]]) -> None:
        """Ask what is open, and append what is answered. Raises `_Gone`, `OSError`, `TimeoutError`."""
        try:
            process = self._process = self._process or await _started()
            assert process.stdin is not None
            asked = list(_open(questions, answers))
            for question, answered in asked:
                process.stdin.write(question.frames(len(answered)))
            for question, answered in asked:
                while len(answered) < len(question.conditions):
                    told = orjson.loads(await _line(process))
                    answered.append(told if isinstance(told, bool) else Failed(told))
        except BaseException:
            await asyncio.shield(self._end())  # What it still answers belongs to nobody.
            raise

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)


def _open(questions: Sequence[Question], answers: list[list[Answer]]) -> Iterator[tuple[Question, list[Answer]]]:
    """The questions that are not answered in full, with what is answered of them."""
    for question, answered in zip(questions, answers, strict=True):
        if len(answered) < len(question.conditions):
            yield question, answered


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


async def _started() -> Process:
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edurelay.conditions.worker", stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
    )
    try:
        if await _line(process) != READY:
            raise OSError("the process that evaluates conditions did not start")
    except _Gone as gone:
        raise OSError(f"the process that evaluates conditions did not start: {gone.status}") from gone
    except BaseException:
        await asyncio.shield(_ended(process))
        raise
    return process


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(SILENCE):
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _Gone(await process.wait())
        return line


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.returncode is None:
        process.kill()
    await process.wait()
