"""When an endpoint is left alone for a while, since nearly nothing arrives there. Pure.

Closed, the breaker counts. When of at least `FEWEST` attempts within `SPAN` seconds `SHARE` have failed, it opens for
`FIRST_REST` seconds; then a single attempt goes out as a probe. One that succeeds closes the breaker; one that fails
opens it for twice as long as before, up to `LONGEST_REST`.

A probe stands for every delivery that waited for it: where it fails, they all count an attempt as made and failed.
Waiting costs a delivery neither its place in the schedule nor its end.
"""

from __future__ import annotations

SPAN = 300.0
FEWEST = 10
SHARE = 0.7
FIRST_REST = 30.0
LONGEST_REST = 1800.0


class Breaker:
    """The breaker of one endpoint. Moments are Unix times; `longest` bounds each rest, in seconds."""

    def __init__(self, longest: float = LONGEST_REST) -> None:
        self._longest = min(longest, LONGEST_REST)
        self._since = 0.0
        self._made = 0
        self._failed = 0
        self._rest = 0.0
        self._until = 0.0
        #: When a probe failed last, 0 where one has succeeded since; what was due by then has had its attempt.
        self.probe_failed_at = 0.0

    @property
    def open(self) -> bool:
        """True from the opening until a probe has succeeded."""
        return self._rest > 0

    @property
    def idle(self) -> bool:
        """True where it knows nothing that would be worth keeping."""
        return not self.open and not self._failed

    def rests_until(self, now: float, *, busy: bool) -> float | None:
        """Return until when nothing may be sent; None where an attempt may be made, be it the probe. `busy` says that
        an attempt is under way, which is waited for, however long that takes: then it is `now`."""
        if not self.open:
            return None
        if now < self._until:
            return self._until
        return now if busy else None

    def succeeded(self, now: float) -> None:
        """An attempt succeeded."""
        self._rest = 0.0
        self.probe_failed_at = 0.0
        self._count(now, failed=False)

    def failed(self, now: float, *, probe: bool) -> None:
        """An attempt failed: a `probe`, if it began while the breaker was open. One that had begun before tells
        nothing new once it is open."""
        if probe:
            self.probe_failed_at = now
            self._open(now, self._rest * 2)
        elif not self.open:
            self._count(now, failed=True)
            if self._made >= FEWEST and self._failed >= SHARE * self._made:
                self._open(now, FIRST_REST)

    def _open(self, now: float, rest: float) -> None:
        self._rest = min(rest, self._longest)
        self._until = now + self._rest
        self._made = self._failed = 0

    def _count(self, now: float, *, failed: bool) -> None:
        if now - self._since > SPAN:
            # Half of what was counted before still tells.
            self._since, self._made, self._failed = now, self._made // 2, self._failed // 2
        self._made += 1
        self._failed += failed
