"""How late the event loop is: the one number that shows blocking work before consumers are thrown out for it."""

from __future__ import annotations

import asyncio

from edurelay.runtime.metrics import EVENT_LOOP_LAG

INTERVAL = 0.25


async def measure_lag() -> None:
    """Observe, four times a second, how much later than asked a timer fires. Runs until it is cancelled."""
    clock = asyncio.get_running_loop().time
    observe = EVENT_LOOP_LAG.of().observe
    while True:
        due = clock() + INTERVAL
        await asyncio.sleep(INTERVAL)
        observe(max(0.0, clock() - due))
