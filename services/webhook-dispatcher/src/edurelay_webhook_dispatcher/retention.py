"""Retention: what is older than the settings allow is deleted, a little at a time, by one dispatcher at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from math import inf
from typing import Final

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, Document
from edurelay.mongo.leases import Lease, Leases
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.patience import AWAY
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.streams import STALE

#: How many deliveries, or blocks of events or of a stream, one step deletes at most.
STEP: Final = 500
BLOCKS: Final = 50
#: How long a pass may take between two steps, in seconds, before another dispatcher takes it over.
LEASE_SECONDS: Final = 60.0
#: How young a block of a stream may be at least when it is deleted, in seconds: whoever writes into a stream looks at
#: its end more often than that.
YOUNGEST: Final = 2 * STALE
#: For how long an endpoint has to be unknown before its stream is deleted, in seconds: much longer than word of a new
#: endpoint may take to come here.
MISSING_SECONDS: Final = 86_400.0
#: How soon after its start a dispatcher looks for the first time, in seconds.
FIRST: Final = 300.0

_DAY: Final = 86_400.0
_NAME: Final = "retention"
_log = get_logger(__name__)


class Retention:
    """Deletes deliveries that have ended and to which nothing has happened for `deliveries_days`, and events that are
    older than `events_days`, in the index and in the streams, every `pause` seconds. What is pending stays, whatever
    its age. `exists` tells whether there is an endpoint of an id; what is left of the streams of others is deleted."""

    def __init__(
        self,
        store: Store,
        leases: Leases,
        *,
        deliveries_days: float,
        events_days: float,
        pause: float,
        exists: Callable[[str], bool] = lambda endpoint_id: True,
    ) -> None:
        self._store = store
        self._leases = leases
        self._deliveries_seconds = deliveries_days * _DAY
        self._events_seconds = events_days * _DAY
        self._pause = pause
        self._exists = exists
        self._holder = secrets.token_hex(8)

    async def begin(self) -> None:
        """Take note of the time if nothing is in the store yet. Until something has been there for as long as it is
        kept, it is not looked for what is older: the embedded store reads everything for that."""
        if await self._store.beginning.find_one({"_id": _NAME}) is None:
            empty = await self._store.deliveries.estimated_document_count() == 0
            await insert_new(self._store.beginning, [{"_id": _NAME, "at": clock.now() if empty else 0.0}])

    async def run(self) -> None:
        """Sweep, until cancelled."""
        await asyncio.sleep(min(self._pause, FIRST))
        while True:
            try:
                lease = await self._leases.acquire(_NAME, self._holder, LEASE_SECONDS)
                if lease is not None:
                    deleted = await self.sweep(lease)
                    _log.info("what was too old was deleted", **deleted)
                    # Held on to, so that nobody else does the same again before it is time.
                    await self._leases.renew(lease, self._pause / 2)
            except AWAY as error:
                _log.warning("what is too old could not be deleted, trying again", reason=str(error))
            await asyncio.sleep(self._pause)

    async def sweep(self, lease: Lease) -> dict[str, int]:
        """Delete what is too old now, for as long as the lease can be held; return how much it was."""
        noted, now = await self._store.beginning.find_one({"_id": _NAME}), clock.now()
        age = now - noted["at"] if noted is not None else inf
        deleted = {"deliveries": 0, "blocks_of_events": 0, "blocks_of_streams": 0}
        if age > self._deliveries_seconds:
            deleted["deliveries"] = await self._sweep_deliveries(lease, now - self._deliveries_seconds)
        if age > self._events_seconds:
            deleted["blocks_of_events"] = await self._sweep_events(lease, now - self._events_seconds)
        if age > min(self._events_seconds, MISSING_SECONDS):
            kept = max(self._events_seconds, YOUNGEST)
            deleted["blocks_of_streams"] = await self._sweep_streams(lease, now - kept)
        return deleted

    async def _sweep_deliveries(self, lease: Lease, before: float) -> int:
        deleted, behind = 0, ""
        while (key := await self._first_behind(behind)) is not None:
            prefix = f"{key.tenant}/{key.endpoint}"
            while names := await self._too_old(prefix, before):
                if not await self._leases.renew(lease, LEASE_SECONDS):
                    return deleted
                forgotten = await self._store.ledgers.forget(key.tenant, key.endpoint, names, before)
                deleted += forgotten
                if forgotten == 0 or len(names) < STEP:
                    break
            behind = f"{prefix}0"  # The character behind the slash.
        return deleted

    async def _first_behind(self, name: str) -> DeliveryKey | None:
        found = await self._some({"_id": {"$gt": name}}, 1)
        return DeliveryKey.from_stored(found[0]) if found else None

    async def _too_old(self, prefix: str, before: float) -> list[str]:
        # Nothing is updated before the log took its event, so that the range of keys holds all that may be too old.
        old = {"$gt": f"{prefix}/", "$lt": f"{prefix}/{max(0, int(before * 1000)):011x}-"}
        ended = {"$ne": DeliveryStatus.PENDING.value}
        # Nor does a dead letter go for which others wait: somebody has to see to it.
        return await self._some({"_id": old, "status": ended, "parked": None, "updated": {"$lt": before}}, STEP)

    async def _some(self, query: Document, limit: int) -> list[str]:
        found = self._store.deliveries.find(query, {"_id": 1}).sort("_id", ASCENDING).limit(limit)
        return [each["_id"] for each in await found.to_list(limit)]

    async def _sweep_events(self, lease: Lease, before: float) -> int:
        deleted, tenant = 0, await self._store.events.tenant_behind(None)
        while tenant is not None:
            while found := await self._store.events.forget(tenant, max(0, int(before * 1000)), limit=BLOCKS):
                deleted += found
                if not await self._leases.renew(lease, LEASE_SECONDS):
                    return deleted
            tenant = await self._store.events.tenant_behind(tenant)
        return deleted

    async def _sweep_streams(self, lease: Lease, before: float) -> int:
        streams, deleted, name = self._store.streams, 0, ""
        while (following := await streams.name_behind(name)) is not None:
            name = following
            gone = await self._is_gone(name)
            while found := await (
                streams.forget_all(name, limit=BLOCKS) if gone else streams.forget(name, before, limit=BLOCKS)
            ):
                deleted += found
                if not await self._leases.renew(lease, LEASE_SECONDS):
                    return deleted
        for name in await self._store.positions.names():
            # Of those that have blocks it was just decided.
            if await self._is_gone(name):
                deleted += await streams.forget_all(name, limit=BLOCKS)
        return deleted

    async def _is_gone(self, name: str) -> bool:
        """Tell whether a stream's endpoint was deleted."""
        if self._exists(name.split("/")[1]):
            await self._store.positions.there(name)
            return False
        return await self._store.positions.missing_since(name, clock.now()) < clock.now() - MISSING_SECONDS
