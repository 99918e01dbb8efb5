"""Working under a lease: the work goes on only for as long as the lease is known to be held."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from edurelay.mongo import StoreUnavailable
from edurelay.mongo.leases import Lease
from edurelay.runtime.logging import get_logger

log = get_logger(__name__)


class Renewals(Protocol):
    """The part of the leases that keeps one of them."""

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """Hold the lease for `seconds` from now. Returns False where it belongs to somebody else."""


class LeaseLost(Exception):
    """The lease could not be kept; somebody else may hold it now."""


async def hold(leases: Renewals, lease: Lease, seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` while renewing a lease that was acquired just now for `seconds`.

    Raises `LeaseLost` once the lease is gone, or could not be renewed in time; the work is cancelled then, and has
    ended when this returns.
    """
    working = asyncio.create_task(work, name=f"work under {lease.name}")
    renewing = asyncio.create_task(_renew(leases, lease, seconds), name=f"renew {lease.name}")
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise LeaseLost(f"the lease of {lease.name} could not be kept") from renewing.exception()
        working.result()
    finally:
        working.cancel()
        renewing.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


async def _renew(leases: Renewals, lease: Lease, seconds: float) -> None:
    """Renew three times as often as needed; return once the lease is lost."""
    clock = asyncio.get_running_loop().time
    held_until = clock() + seconds
    while (left := held_until - clock()) > 0:
        await asyncio.sleep(min(seconds / 3, left))
        asked = clock()
        try:
            async with asyncio.timeout_at(held_until):
                if not await leases.renew(lease, seconds):
                    return
            held_until = asked + seconds
        except TimeoutError:
            return
        except StoreUnavailable:
            log.warning("a lease could not be renewed", lease=lease.name, seconds_left=round(held_until - asked, 1))
