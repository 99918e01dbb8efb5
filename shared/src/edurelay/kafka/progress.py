"""How far a partition is done: messages finish in any order, and the offset to commit is that of the lowest that has
not. Pure; each step costs the same however many messages are under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence


class OffsetTracker:
    """The unfinished messages of one partition. Offsets are added in growing order and may have gaps."""

    def __init__(self, position: int) -> None:
        self._next = position
        self._order: deque[int] = deque()
        self._unfinished: set[int] = set()

    @property
    def position(self) -> int:
        """The offset to commit: everything before it is finished."""
        return self._order[0] if self._order else self._next

    @property
    def next(self) -> int:
        """The offset after the last one added."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many messages are not finished."""
        return len(self._unfinished)

    @property
    def span(self) -> int:
        """How many messages a successor would get again, finished or not."""
        return len(self._order)

    def add(self, offsets: Sequence[int]) -> None:
        """Add messages that are handed over now."""
        if offsets:
            self._order.extend(offsets)
            self._unfinished.update(offsets)
            self._next = offsets[-1] + 1

    def finish(self, offsets: Iterable[int]) -> int:
        """Mark messages as finished; return how many of them were not before."""
        before = len(self._unfinished)
        self._unfinished.difference_update(offsets)
        while self._order and self._order[0] not in self._unfinished:
            self._order.popleft()
        return before - len(self._unfinished)

    def withdraw(self, offset: int) -> None:
        """Forget everything from `offset` on, as if it had never been added."""
        while self._order and self._order[-1] >= offset:
            self._unfinished.discard(self._order.pop())
            self._next = offset

    def is_finished(self, offset: int) -> bool:
        """Tell whether an added message is finished."""
        return offset not in self._unfinished
