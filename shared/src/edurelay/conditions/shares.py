"""How much processor time the conditions of each tenant may take, so that those of one do not hold up another's. Pure.

A tenant that takes no more than what its events bring by themselves is never counted; what goes beyond is taken from
an account that fills with time. It is processor time, so that a machine that is busy with other things costs nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: What a tenant may take beyond that: so many seconds in each second, and so many at once.
SHARE = 0.1
BURST = 1.0
#: What each event brings for all conditions of its tenant, in seconds: about as long as the rest of the work on it
#: takes. And what each byte of its data brings, since the simplest condition has all of them turned over.
EACH = 0.001
EACH_BYTE = 0.000_000_2


def brought(size: int) -> float:
    """Return what an event brings by itself whose data has so many bytes, in seconds."""
    return EACH + size * EACH_BYTE


class Shares:
    """The accounts of tenants. Only those are kept that are not full."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: When each account will be full again.
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def left(self, tenant: str) -> float:
        """Return what the tenant may take now, in seconds: below zero where it took more than it had."""
        now = self._clock()
        return BURST - SHARE * max(0.0, self._full.get(tenant, now) - now)

    def take(self, tenant: str, seconds: float) -> None:
        """Take what was spent beyond what the events brought; nothing where it is less."""
        if seconds > 0.0:
            now = self._clock()
            self._full = {each: moment for each, moment in self._full.items() if moment > now}
            self._full[tenant] = self._full.get(tenant, now) + seconds / SHARE
