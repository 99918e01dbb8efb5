"""How often an endpoint gets an attempt. Pure.

A leaky bucket, kept as the moment at which it will be empty (the generic cell rate algorithm, ITU-T I.371): it holds
what one second may bring, and one attempt at least.
"""

from __future__ import annotations


class Rate:
    """At most `per_second` attempts a second, on the average. Moments are in seconds of any one clock."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._holds = max(1.0, per_second)
        self._empty_at = float("-inf")

    def wait(self, now: float) -> float:
        """Return how many seconds it is until another attempt may begin, 0 where one may."""
        return max(0.0, self._empty_at - now - (self._holds - 1) / self.per_second)

    def take(self, now: float) -> None:
        """An attempt begins."""
        self._empty_at = max(self._empty_at, now) + 1 / self.per_second

    def within(self, seconds: float, now: float) -> float:
        """Return how many attempts may begin in the next `seconds`, the last of them perhaps in part."""
        return self._holds + (now + seconds - max(self._empty_at, now)) * self.per_second

    def rested(self, now: float) -> bool:
        """True where nothing is left of what was taken."""
        return self._empty_at <= now
