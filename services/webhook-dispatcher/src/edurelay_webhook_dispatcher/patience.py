"""What is waited for: a store or a broker that is away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import StoreUnavailable

#: What passes by itself: a store or a broker that is away.
AWAY: tuple[type[Exception], ...] = (*StoreUnavailable, KafkaUnavailable)
#: How long is waited after the first, second, ... time in vain, in seconds; the last holds for all that follow.
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)


async def until_done(step: Callable[[], Awaitable[None]], complain: Callable[[Exception], None]) -> None:
    """Do `step`, again for as long as what it needs is away; `complain` is called with each such error."""
    attempt = 0
    while True:
        try:
            return await step()
        except AWAY as error:
            complain(error)
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
