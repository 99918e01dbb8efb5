"""What was asked of the sandbox, so that tests can see how a client behaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """Requests by function, and the most that were under way at once."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.at_once = 0
        self._under_way = 0

    @contextmanager
    def request(self, function: str) -> Iterator[None]:
        """Count one request while it is under way."""
        self.requests[function] += 1
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            yield
        finally:
            self._under_way -= 1
