"""Readiness: which of the things that a service needs are there, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edurelay.runtime.secrets import without_secrets

OK = "ok"

Check = Callable[[], Awaitable[None] | None]


class Readiness:
    """The checks behind `/readyz`. A check that returns is fine; one that raises says what is missing."""

    def __init__(self, *, timeout: float = 2.0) -> None:
        self._timeout = timeout
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Make the service's readiness depend on `check`, shown under `name`."""
        self._checks[name] = check

    async def report(self) -> dict[str, str]:
        """Run all checks side by side; return `ok`, or what is missing, for each."""
        answers = await asyncio.gather(*(self._answer(check) for check in self._checks.values()))
        return dict(zip(self._checks, answers, strict=True))

    async def _answer(self, check: Check) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                waiting = check()
                if waiting is not None:
                    await waiting
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except Exception as error:
            # Whatever a check raises is its answer.
            return without_secrets(str(error)) or type(error).__name__
        return OK
