"""An operation that is answered when a test says so."""

from __future__ import annotations

import asyncio

from edurelay.web.operation import Answer, Call, operation


class Held:
    """Waits; counts its calls; answers with the status that a test gave it."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.status = 200
        self.calls = 0

    @operation("POST", "/held/{id}", summary="Wait", tag="held", answers={200: None}, idempotent=True)
    async def wait(self, _: Call[None, None]) -> Answer:
        """Until the test says so."""
        self.calls += 1
        self.entered.set()
        await self.release.wait()
        return Answer(self.status, {"call": self.calls})
