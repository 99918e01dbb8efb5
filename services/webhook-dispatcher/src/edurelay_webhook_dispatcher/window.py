"""How many attempts an endpoint gets at a time. Pure.

The window halves when the receiver says that it is too much, and grows back by one place for each windowful that it
takes: the rule by which TCP finds the pace of a line it does not know (RFC 5681).
"""

from __future__ import annotations


class Window:
    """The window of one endpoint: between 1 and `limit` places. Moments are in seconds of any one clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = float(limit)
        self._narrowed_at = float("-inf")

    @property
    def places(self) -> int:
        """How many attempts may be under way."""
        return int(self._size)

    @property
    def full(self) -> bool:
        """True where it is as wide as it may be."""
        return self._size >= self._limit

    def limit(self, limit: int) -> None:
        """Take over another limit. A window that was as wide as it could be stays so."""
        self._size = float(limit) if self.full else min(self._size, float(limit))
        self._limit = limit

    def widen(self) -> None:
        """The receiver took an attempt."""
        self._size = min(self._size + 1 / self._size, float(self._limit))

    def narrow(self, begun: float, now: float) -> None:
        """The receiver asked for less, in answer to an attempt that was begun at `begun`.

        What was under way when the window was narrowed last says nothing new: it counts once.
        """
        if begun >= self._narrowed_at:
            self._size = max(self._size / 2, 1.0)
            self._narrowed_at = now
