"""What the gateway remembers for some seconds, so that a hot path does not ask the database each time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """Answers of `load`, each remembered for `seconds`; what does not exist is remembered as well, so that asking
    for it again and again costs the database nothing. Holds at most `size` answers, the oldest go first."""

    def __init__(
        self,
        load: Callable[[K], Awaitable[V]],
        *,
        seconds: float,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._known: dict[K, tuple[float, V]] = {}

    async def get(self, key: K) -> V:
        """Return the answer for `key`, at most `seconds` old. Raises what `load` raises, and forgets that at once."""
        found = self._known.get(key)
        if found is not None and self._clock() < found[0]:
            return found[1]
        value = await self._load(key)
        self._known.pop(key, None)
        while len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[key] = (self._clock() + self._seconds, value)
        return value

    def peek(self, key: K) -> V | None:
        """Return the answer for `key` if it is remembered."""
        found = self._known.get(key)
        return found[1] if found is not None and self._clock() < found[0] else None

    def forget(self, key: K) -> None:
        """Ask again the next time."""
        self._known.pop(key, None)

    def __len__(self) -> int:
        return len(self._known)
