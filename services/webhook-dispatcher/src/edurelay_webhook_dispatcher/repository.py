"""What one tenant may see and change of events and deliveries. Every query starts at the tenant's own keys."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import DESCENDING, Document, UpdateOne
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.store import Store

#: The character behind "/" and, in practice, behind every character of a key: ends a range of keys.
AFTER_SLASH = "0"
AFTER_ALL = "\x7f"
#: How many deliveries are changed by one round trip.
BATCH = 500
#: How long a delivery that is to be made again may take to be written, in seconds, before the retrier sees it.
UNTIL_WRITTEN = 60.0

_OPEN = (DeliveryStatus.PENDING.value, DeliveryStatus.DEAD_LETTERED.value)


class Repository:
    """One tenant's events and deliveries."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._deliveries = store.deliveries
        self.tenant = tenant

    async def event(self, event_id: str) -> Entry | None:
        """Return an event's index entry."""
        return (await self._store.events.find(self.tenant, [event_id])).get(event_id)

    async def events(self, *, type_: str | None, subject: str | None, before: str | None, limit: int) -> list[Entry]:
        """Return index entries, newest first, from behind the key `before`."""
        return await self._store.events.page(self.tenant, type_=type_, subject=subject, before=before, limit=limit)

    async def delivery(self, key: DeliveryKey) -> Document | None:
        """Return a delivery."""
        return await self._deliveries.find_one({"_id": key.stored})

    async def deliveries_by_name(self, names: Sequence[str]) -> dict[str, Document]:
        """Return the deliveries that there are under these primary keys, by them."""
        if not names:
            return {}
        own = {"_id": {"$in": [name for name in names if name.startswith(f"{self.tenant}/")]}}
        return {each["_id"]: each async for each in self._deliveries.find(own)}

    async def deliveries(
        self, *, endpoint: str | None, status: str | None, before: str | None, limit: int
    ) -> list[Document]:
        """Return deliveries, newest first within each endpoint, from behind the key `before`."""
        prefix = f"{self.tenant}/{endpoint}" if endpoint else self.tenant
        if status in _OPEN:
            return await self._open_deliveries(DeliveryStatus(status), endpoint, prefix, before, limit)
        query: Document = {"_id": _below(prefix, before)}
        if status is not None:
            query["status"] = status
        return await self._deliveries.find(query).sort("_id", DESCENDING).limit(limit).to_list(limit)

    async def _open_deliveries(
        self, status: DeliveryStatus, endpoint: str | None, prefix: str, before: str | None, limit: int
    ) -> list[Document]:
        found: list[Document] = []
        while len(found) < limit:
            names = await self._store.backlog.page(status, keys=_below(prefix, before), endpoint=endpoint, limit=limit)
            query = {"_id": {"$in": names}, "status": status.value}
            found += await self._deliveries.find(query).sort("_id", DESCENDING).to_list(limit)
            if len(names) < limit:
                break
            before = names[-1]
        return found[:limit]

    async def deliveries_of(self, event: Entry, endpoints: Sequence[str]) -> list[Document]:
        """Return the deliveries of one event to any of `endpoints`, replayed ones included."""
        moment = f"{event.moment:011x}-"
        ranges = [
            {"_id": {"$gte": f"{self.tenant}/{each}/{moment}", "$lt": f"{self.tenant}/{each}/{moment}{AFTER_ALL}"}}
            for each in sorted({*event.to, *endpoints})
        ]
        if not ranges:
            return []
        return await self._deliveries.find({"$or": ranges, "event_id": event.id}).sort("_id", 1).to_list(None)

    async def ledger(self, endpoint: str) -> dict[str, int]:
        """Return how many deliveries of an endpoint stand where; counted in one pass, so that it adds up."""
        prefix = f"{self.tenant}/{endpoint}"
        counted = {status.value: 0 for status in DeliveryStatus}
        pipeline: list[Document] = [
            {"$match": {"_id": _below(prefix)}},
            {"$group": {"_id": "$status", "count": {"$sum": 1}}},
        ]
        async for group in self._deliveries.aggregate(pipeline):
            counted[group["_id"]] = group["count"]
        return {"matched": sum(counted.values()), **counted}

    async def redeliver(self, delivery: Document, payload: Payload) -> None:
        """Make a delivery due now, with its whole schedule before it."""
        await self._redeliver({delivery["_id"]: _redelivery(delivery, payload)})

    async def redeliver_dead_letters(self, endpoint: str) -> int:
        """Make every dead letter of an endpoint due now; return how many there were."""
        status, count = DeliveryStatus.DEAD_LETTERED.value, 0
        while found := await self.deliveries(endpoint=endpoint, status=status, before=None, limit=BATCH):
            count += await self._redeliver({each["_id"]: _redelivery(each, Payload.kept(each)) for each in found})
        return count

    async def _redeliver(self, changes: Mapping[str, UpdateOne]) -> int:
        # Found before its document says so, an entry would be taken for one too many.
        await self._store.backlog.add(dict.fromkeys(changes, time.time() + UNTIL_WRITTEN))
        result = await self._deliveries.bulk_write(list(changes.values()), ordered=False)
        await self._store.backlog.add(dict.fromkeys(changes, time.time()))
        return result.modified_count


def _below(prefix: str, before: str | None = None) -> Document:
    """The range of the keys below a prefix; a cursor from anywhere else cannot widen it."""
    end = f"{prefix}{AFTER_SLASH}"
    return {"$gt": f"{prefix}/", "$lt": min(before, end) if before else end}


def _redelivery(delivery: Document, payload: Payload) -> UpdateOne:
    fields = {
        "status": DeliveryStatus.PENDING.value,
        "body": payload.body,
        "due_at": time.time(),
        "updated": time.time(),
        "forgiven": len(delivery["attempts"]),
    }
    gone = {"reason": ""}
    if payload.ids is not None:
        fields["ids"] = payload.ids
    else:
        gone["ids"] = ""
    return UpdateOne({"_id": delivery["_id"]}, {"$set": fields, "$unset": gone})
