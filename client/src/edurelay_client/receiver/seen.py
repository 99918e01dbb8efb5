"""Which events were handled already: a webhook may come more than once, and its handler sees it once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol


class Claim(StrEnum):
    """What is known of an event's key: `NEW` is claimed by asking, and the event is the asker's to handle."""

    NEW = "new"
    UNDER_WAY = "under_way"
    DONE = "done"


class Seen(Protocol):
    """A memory of keys, to be shared by all processes that receive for one endpoint.

    The methods may be coroutines, except for Flask. An example on Redis is in `docs/howto/receive-webhooks.md`.
    """

    def claim(self, key: str) -> Claim | Awaitable[Claim]:
        """Claim a key in one step, so that of two who ask at once only one gets `NEW`. A claim of a process that died
        has to end by itself, after longer than any handler takes."""

    def keep(self, key: str) -> Awaitable[None] | None:
        """Remember that a claimed key's event was handled, for as long as the sender may repeat it: four days."""

    def release(self, key: str) -> Awaitable[None] | None:
        """Forget a claimed key, since its event was not handled."""


class SeenInMemory:
    """The keys that this process has handled: the latest `most`, for `seconds`. A restart forgets them."""

    def __init__(
        self, *, most: int = 100_000, seconds: float = 4 * 86_400, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._under_way: set[str] = set()
        self._done: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, key: str) -> Claim:
        """Claim a key."""
        with self._lock:
            self._forget_old()
            if key in self._done:
                return Claim.DONE
            if key in self._under_way:
                return Claim.UNDER_WAY
            self._under_way.add(key)
            return Claim.NEW

    def keep(self, key: str) -> None:
        """Remember a key."""
        with self._lock:
            self._under_way.discard(key)
            self._done[key] = self._clock()
            self._forget_old()

    def release(self, key: str) -> None:
        """Forget a key."""
        with self._lock:
            self._under_way.discard(key)

    def _forget_old(self) -> None:
        oldest = self._clock() - self._seconds
        while self._done and (len(self._done) > self._most or next(iter(self._done.values())) <= oldest):
            self._done.popitem(last=False)
