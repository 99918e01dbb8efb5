"""What waits to be written: in its order, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from edurelay_webhook_dispatcher.documents import Written
from edurelay_webhook_dispatcher.index import Entry

#: How many entries are written at once at most, and how many need not wait for others.
LARGEST = 200
ENOUGH = 50
#: Fewer wait for company, so many times as long as the last write took, so that a store that is slow, or has much else
#: to do, gets fewer and larger writes; in seconds, so long at least and at most.
LINGER = 3.0
SHORTEST_LINGER = 0.02
LONGEST_LINGER = 0.1


class Line:
    """What waits to be written, in its order."""

    def __init__(self) -> None:
        self.entries: list[Written] = []
        #: How long it waits for company, in seconds.
        self.linger = SHORTEST_LINGER
        #: What is being written.
        self.writing: list[Written] = []
        self.matched: list[tuple[Entry, Callable[[], None]]] = []
        self.numbered: list[Callable[[], None]] = []
        #: Primary keys of what is in hand still.
        self.renewed: set[str] = set()
        self.wake = asyncio.Event()
        self.ready = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    def stir(self) -> None:
        """Say that there is something."""
        self.empty.clear()
        self.wake.set()
        if self._enough:
            self.ready.set()

    async def company(self) -> None:
        """Return when it is time for a write."""
        self.ready.clear()
        if not self._enough:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ready.wait(), self.linger)

    @property
    def _enough(self) -> bool:
        return len(self.entries) + len(self.matched) >= ENOUGH

    def wrote(self, seconds: float) -> None:
        """Tell how long a write took."""
        self.linger = min(max(SHORTEST_LINGER, LINGER * seconds), LONGEST_LINGER)
