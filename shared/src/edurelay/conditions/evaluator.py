"""Evaluating conditions: a client of the process that does it (`worker`), which it starts, watches and replaces.

The process stands apart so that no expression can hold this one up: one that takes too long costs the process its
life, and its event the time of a new start, and nothing else. All tenants share it, and take turns.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from types import TracebackType
from typing import Self, TypeAlias

import orjson

from edurelay.conditions.shares import Shares, brought
from edurelay.conditions.worker import BUDGET, READY
from edurelay.runtime.logging import get_logger

#: How long the process may be silent, in seconds, before it is taken for lost: many times what an evaluation gets.
SILENCE = 10.0
#: How long it takes until others may ask, in seconds of processor time; and what the last condition of each takes more.
TURN = 0.5
#: What a condition has taken that cost the process its life, in seconds: its own time, and the start of another.
LIFE = BUDGET + 0.1
PAUSES = (0.1, 0.5, 1.0, 5.0)
#: What the process needs of our environment; our secrets are none of its business.
INHERITED = ("PATH", "PYTHONPATH", "LANG")
#: How a process ends that somebody else ended: no condition is to blame for that.
BLAMELESS = (0, -signal.SIGKILL, -signal.SIGTERM)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """A condition was not evaluated, or could not be. `costly` says that it took more than it may, or would have."""

    reason: str
    costly: bool = False


Answer = bool | Failed

TOO_COSTLY = Failed(f"it takes more than {BUDGET * 1000:.0f} ms of processor time, or too much memory", costly=True)
OVERDRAWN = Failed(
    "with the tenant's other conditions it takes more processor time than they may together", costly=True
)
NOTHING_LEFT = Failed("the tenant's conditions took more processor time than they may together; it was not evaluated")


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these conditions hold for an event of the tenant? `data` is JSON text."""

    tenant: str
    conditions: Sequence[str]
    type: str
    subject: str | None
    time: str
    data: bytes

    def frames(self, conditions: Sequence[str], seconds: float | None) -> bytes:
        """Return what the process is asked about some of the conditions; `seconds` is what it may take from now on,
        None for what is left of what was said before."""
        head = {
            "type": self.type,
            "subject": self.subject,
            "time": self.time,
            "conditions": conditions,
            "seconds": seconds,
        }
        return _frame(orjson.dumps(head)) + _frame(self.data)


#: A question, and what is answered of it.
_Asked: TypeAlias = tuple[Question, list[Answer]]


@dataclass(slots=True)
class _Party:
    """What one tenant asks. `free` is what its events bring and is not spent, in seconds of processor time."""

    tenant: str
    asked: list[_Asked] = field(default_factory=list)
    free: float = 0.0
    #: The conditions that have cost a process its life: they are not asked of the next event as well.
    costly: set[str] = field(default_factory=set)

    def ask(self, question: Question, answered: list[Answer]) -> None:
        """Add what an event is asked about."""
        self.asked.append((question, answered))
        self.free += brought(len(question.data))

    def open(self) -> list[_Asked]:
        """Answer for the conditions that are not asked any more, and return what is not answered in full."""
        for question, answered in self.asked:
            while len(answered) < len(question.conditions) and question.conditions[len(answered)] in self.costly:
                answered.append(TOO_COSTLY)
        return [each for each in self.asked if len(each[1]) < len(each[0].conditions)]

    def next(self, question: Question, answered: list[Answer]) -> Sequence[str]:
        """Return the conditions that can be asked together: up to one that is not asked any more."""
        return list(takewhile(lambda each: each not in self.costly, question.conditions[len(answered) :]))

    def refuse(self) -> None:
        """Let fail what is not answered."""
        for question, answered in self.open():
            answered += [NOTHING_LEFT] * (len(question.conditions) - len(answered))


class _Gone(Exception):
    """The process ended; `status` is what the system says of its end."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Evaluator:
    """Evaluates conditions. The process is started at the first question; use it as an async context manager.

    Who asks much does so in turns, between which others ask. With `shares`, what a tenant asks beyond its own fails;
    without them all is answered in the end.
    """

    def __init__(self, shares: Shares | None = None) -> None:
        self._shares = shares
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
        parties: dict[str, _Party] = {}
        for question, answered in zip(questions, answers, strict=True):
            if question.conditions:
                parties.setdefault(question.tenant, _Party(question.tenant)).ask(question, answered)
        silent = 0
        while waiting := [party for party in parties.values() if party.open()]:
            async with self._turn:
                try:
                    await self._exchange([party for party in waiting if self._has_time(party)])
                except _Gone:
                    continue
                except (OSError, TimeoutError) as error:
                    _log.warning("conditions cannot be evaluated, trying again", reason=repr(error))
                    await asyncio.sleep(PAUSES[min(silent, len(PAUSES) - 1)])
                    silent += 1
        return answers

    async def _exchange(self, parties: Sequence[_Party]) -> None:
        """Ask what is open, and append what is answered within a turn. Raises `_Gone`, `OSError`, `TimeoutError`."""
        if not parties:
            return
        try:
            process = self._process = self._process or await _started()
            assert process.stdin is not None
            for party in parties:
                seconds: float | None = min(self._left(party), TURN / len(parties))
                for question, answered in party.open():
                    process.stdin.write(question.frames(party.next(question, answered), seconds))
                    seconds = None
            for party in parties:
                await self._hear(process, party)
        except BaseException:
            await asyncio.shield(self._end())  # What it still answers belongs to nobody.
            raise

    async def _hear(self, process: Process, party: _Party) -> None:
        """Append what the process answers, and take what that cost. Raises `_Gone`, `TimeoutError`."""
        for question, answered in party.open():
            for condition in party.next(question, answered):
                try:
                    told, seconds = orjson.loads(await _line(process))
                except _Gone as gone:
                    if gone.status not in BLAMELESS:
                        party.costly.add(condition)
                        self._take(party, LIFE)
                    raise
                if told is not None:
                    answered.append(told if isinstance(told, bool) else Failed(told))
                    self._take(party, seconds)
                    if self._left(party) <= 0.0:
                        answered[-1] = OVERDRAWN

    def _has_time(self, party: _Party) -> bool:
        """Tell whether the tenant has something left; where it has not, what it asks fails."""
        if self._left(party) > 0.0:
            return True
        party.refuse()
        return False

    def _left(self, party: _Party) -> float:
        return math.inf if self._shares is None else self._shares.left(party.tenant) + party.free

    def _take(self, party: _Party, seconds: float) -> None:
        free = min(party.free, seconds)
        party.free -= free
        if self._shares is not None:
            self._shares.take(party.tenant, seconds - free)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)


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
