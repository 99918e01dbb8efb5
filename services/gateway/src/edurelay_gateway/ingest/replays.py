"""Which webhooks this process has taken lately, so that a repetition is answered without being written again.

What two replicas take, or one before and after a restart, this cannot know: there the id in the log is the same, and
whoever reads the log tells by it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_TAKEN = 50_000
MAX_OF_ONE = 10_000


@dataclass(slots=True, eq=False)
class Taking:
    """One webhook: the id that it got, and its writing while that is under way."""

    id: str
    writing: asyncio.Task[None] | None
    until: float


class Replays:
    """Remembers at most `most` webhooks, `of_one` of them of one connection; the oldest are forgotten first, so that a
    busy connection forgets its own and not its neighbours'."""

    def __init__(
        self, *, most: int = MAX_TAKEN, of_one: int = MAX_OF_ONE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._of_one = of_one
        self._clock = clock
        self._taken: OrderedDict[tuple[str, bytes], Taking] = OrderedDict()
        self._of: dict[str, OrderedDict[bytes, None]] = {}

    def find(self, connection_id: str, key: bytes) -> Taking | None:
        """Return what is remembered under `key`."""
        found = self._taken.get((connection_id, key))
        if found is None or found.until > self._clock():
            return found
        self._drop(connection_id, key)
        return None

    def add(self, connection_id: str, key: bytes, webhook_id: str, writing: asyncio.Task[None], keep: float) -> Taking:
        """Remember a webhook for `keep` seconds, or not at all if its writing fails."""
        self._drop(connection_id, key)
        taking = Taking(webhook_id, writing, self._clock() + keep)
        self._taken[connection_id, key] = taking
        own = self._of.setdefault(connection_id, OrderedDict())
        own[key] = None
        if len(own) > self._of_one:
            self._drop(connection_id, next(iter(own)))
        if len(self._taken) > self._most:
            self._drop(*next(iter(self._taken)))

        def written(task: asyncio.Task[None]) -> None:
            taking.writing = None
            failed = task.cancelled() or task.exception() is not None
            if failed and self._taken.get((connection_id, key)) is taking:
                self._drop(connection_id, key)

        writing.add_done_callback(written)
        return taking

    def _drop(self, connection_id: str, key: bytes) -> None:
        if self._taken.pop((connection_id, key), None) is None:
            return
        own = self._of[connection_id]
        del own[key]
        if not own:
            del self._of[connection_id]

    def __len__(self) -> int:
        return len(self._taken)
