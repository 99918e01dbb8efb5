"""Pending: what the dispatcher uses, and how long a look and a claim take, with few and with very many due retries.

Inserted are, in batches and straight into the dispatcher's database, for one endpoint: so many deliveries that are due,
each with a body of a kilobyte, and their entries in the backlog. The endpoint is disabled meanwhile, so that nothing
moves them; then the looks and claims are timed, then the endpoint is enabled and the dispatcher works on them.
"""

from __future__ import annotations

import time
from statistics import median

from edurelay.mongo import Database
from edurelay_cli.bench.events import EVENT_TYPE, delivered_body
from edurelay_cli.bench.ground import Ground
from edurelay_cli.bench.sizes import WINDOW
from edurelay_cli.bench.usage import peak_memory
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How many are inserted together, and how many looks, each with the claim of its first entry, are timed.
BATCH = 1_000
LOOKS = 50
#: How many deliveries are waited for while the memory is looked at, and for how long at most, in seconds.
DELIVERED = 500
_SECONDS = 120.0


async def measure(ground: Ground) -> dict[str, dict[str, float]]:
    """Return, by the number of pending deliveries, the milliseconds of a look and a claim (median and slowest), the
    deliveries a second and the peak of the dispatcher's memory in megabytes."""
    figures: dict[str, dict[str, float]] = {}
    async with await Database.connect(
        ground.stack.mongo_uri, "edurelay_webhook_dispatcher", collections=store.ALL
    ) as database:
        endpoint = await ground.client.endpoints.create(
            ground.receiver_url, ["bench.never"], max_in_flight=WINDOW, enabled=False
        )
        present = 0
        try:
            for count in ground.sizes.pending:
                await _insert(database, ground.tenant, endpoint.id, present, count - present)
                present = count
                figures[str(count)] = await _times(database, endpoint.id)
                await ground.forget_received()
                began = time.monotonic()
                async with peak_memory({"dispatcher": ground.pid("webhook-dispatcher")}) as peaks:
                    await ground.client.endpoints.change(endpoint.id, enabled=True)
                    await ground.until_received(DELIVERED, _SECONDS)
                    seconds = time.monotonic() - began
                    await ground.client.endpoints.change(endpoint.id, enabled=False)
                figures[str(count)] |= {
                    "delivered_per_s": round(DELIVERED / seconds, 1),
                    "memory_mb": round(peaks["dispatcher"], 1),
                }
        finally:
            await ground.client.endpoints.delete(endpoint.id)
    return figures


async def _insert(database: Database, tenant: str, endpoint: str, first: int, count: int) -> None:
    kept, body, moment = store.Store.of(database), delivered_body(), time.time()
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        names = [DeliveryKey(tenant, endpoint, int(moment * 1000) + n, f"0.{n}").stored for n in numbers]
        await kept.deliveries.insert_many(
            [
                {
                    "_id": name,
                    "endpoint": endpoint,
                    "event_id": f"evt_{number:026d}",
                    "type": EVENT_TYPE,
                    "status": "pending",
                    "attempts": [],
                    "updated": moment,
                    "body": body,
                    "due_at": moment,
                }
                for name, number in zip(names, numbers, strict=True)
            ],
            ordered=False,
        )
        await kept.backlog.add({name: moment + number * 1e-4 for name, number in zip(names, numbers, strict=True)})


async def _times(database: Database, endpoint: str) -> dict[str, float]:
    """Time what the dispatcher does for each look, with what one claim costs; the claims last for a moment only."""
    backlog = store.Store.of(database).backlog
    looks, claims = [], []
    for _ in range(LOOKS):
        began = time.perf_counter()
        head = await backlog.head(endpoint, 100)
        looked = time.perf_counter()
        await backlog.claim(head.entries[:1], time.time())
        looks.append(1000 * (looked - began))
        claims.append(1000 * (time.perf_counter() - looked))
    return {
        "look_ms": round(median(looks), 2),
        "slowest_look_ms": round(max(looks), 2),
        "claim_ms": round(median(claims), 2),
    }
