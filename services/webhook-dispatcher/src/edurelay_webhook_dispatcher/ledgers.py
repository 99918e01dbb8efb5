"""How many deliveries of an endpoint stand where, those that were deleted for their age included.

A deletion is a step of four writes, each of which may be the last of a process: the step is registered, its deliveries
are marked with it, their number is written beside it, and when they are deleted it is added to what was deleted
before. A registered step without a number counts nothing, and is replaced; one with a number is brought to its end by
whoever comes next, and until then counts in place of what is marked with it. So each delivery counts once, always.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Final

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Collection, Document
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher.backlog import Backlog

#: The field of a delivery that holds the step which is deleting it. Nothing else changes such a delivery.
FORGOTTEN_BY: Final = "forgotten_by"

_ENDED: Final = tuple(status.value for status in DeliveryStatus if status is not DeliveryStatus.PENDING)


class Ledgers:
    """One document for each endpoint of which something was deleted: `_id` (tenant/endpoint), `deleted` (counts by
    status), and while a step is under way `step` (id), `counted` (counts by status) and `names`."""

    def __init__(self, ledgers: Collection, deliveries: Collection, backlog: Backlog) -> None:
        self._ledgers = ledgers
        self._deliveries = deliveries
        self._backlog = backlog

    async def count(self, tenant: str, endpoint: str) -> dict[str, int]:
        """Return the counts by status; exact, whatever is deleted meanwhile."""
        name = f"{tenant}/{endpoint}"
        before = await self._of(name)
        while True:
            counts = Counter({status.value: 0 for status in DeliveryStatus})
            counts.update(await self._present(name, before))
            counts.update(before.get("deleted", {}))
            counts.update(before.get("counted", {}))
            after = await self._of(name)
            if after == before:
                return dict(counts)
            before = after

    async def forget(self, tenant: str, endpoint: str, names: Sequence[str], unchanged_since: float) -> int:
        """Delete those of an endpoint's deliveries that have ended and were not `updated` from that Unix time on; what
        an earlier step left undone is done first. Return how many deliveries were deleted."""
        name = f"{tenant}/{endpoint}"
        finished = await self._finish(name)
        await insert_new(self._ledgers, [{"_id": name}])
        seen = await self._of(name)
        # Marks from before this step is registered are of steps that will never be counted, and are taken over. Those
        # of a later step are none of ours, however late we write.
        marks = {"_id": {"$in": list(names)}, FORGOTTEN_BY: {"$ne": None}}
        left = {each[FORGOTTEN_BY] async for each in self._deliveries.find(marks, {FORGOTTEN_BY: 1})}
        step = secrets.token_hex(8)
        registered = await self._ledgers.update_one(
            {"_id": name, "step": seen.get("step"), "counted": None}, {"$set": {"step": step}}
        )
        if registered.matched_count == 0:
            return finished
        old = {"status": {"$in": _ENDED}, "parked": None, "updated": {"$lt": unchanged_since}}
        await self._deliveries.update_many(
            {"_id": {"$in": list(names)}, **old, FORGOTTEN_BY: {"$in": [None, *left]}}, {"$set": {FORGOTTEN_BY: step}}
        )
        marked = {"_id": {"$in": list(names)}, FORGOTTEN_BY: step}
        counted = Counter([each["status"] async for each in self._deliveries.find(marked, {"status": 1})])
        await self._ledgers.update_one(
            {"_id": name, "step": step, "counted": None}, {"$set": {"counted": dict(counted), "names": list(names)}}
        )
        return finished + await self._finish(name)

    async def _finish(self, name: str) -> int:
        """Bring a step whose deliveries were counted to its end; return their number."""
        found = await self._of(name)
        if "counted" not in found:
            return 0
        marked = {"_id": {"$in": found["names"]}, FORGOTTEN_BY: found["step"]}
        names = [each["_id"] async for each in self._deliveries.find(marked, {"_id": 1})]
        await self._backlog.end(names, [])
        await self._deliveries.delete_many(marked)
        added = {f"deleted.{status}": number for status, number in found["counted"].items()}
        await self._ledgers.update_one(
            {"_id": name, "step": found["step"], "counted": {"$exists": True}},
            {"$unset": {"step": "", "counted": "", "names": ""}, **({"$inc": added} if added else {})},
        )
        return sum(found["counted"].values())

    async def _of(self, name: str) -> Document:
        return await self._ledgers.find_one({"_id": name}) or {}

    async def _present(self, name: str, ledger: Document) -> dict[str, int]:
        """Count the deliveries in one pass, without those that count already."""
        present: Document = {"_id": {"$gt": f"{name}/", "$lt": f"{name}0"}}
        if "counted" in ledger:
            present[FORGOTTEN_BY] = {"$ne": ledger["step"]}
        pipeline: list[Document] = [{"$match": present}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
        return {group["_id"]: group["count"] async for group in self._deliveries.aggregate(pipeline)}
