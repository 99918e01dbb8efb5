"""What one tenant may see and change of events and deliveries. Every query starts at the tenant's own keys."""

from __future__ import annotations

import time
from collections.abc import Sequence

from edurelay.events.ids import OWN_EVENT_ID
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import DESCENDING, Collection, Document, UpdateOne
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: The character behind "/" and, in practice, behind every character of a key: ends a range of keys.
AFTER_SLASH = "0"
AFTER_ALL = "\x7f"
#: How many deliveries are changed by one round trip.
BATCH = 500


class Repository:
    """One tenant's events and deliveries."""

    def __init__(self, events: Collection, deliveries: Collection, tenant: str) -> None:
        self._events = events
        self._deliveries = deliveries
        self.tenant = tenant

    async def event(self, event_id: str) -> Document | None:
        """Return an event's index entry."""
        if OWN_EVENT_ID.fullmatch(event_id):
            return await self._events.find_one({"_id": f"{self.tenant}/{event_id}"})
        return await self._events.find_one({"tenant": self.tenant, "given_id": event_id})

    async def events(self, *, type_: str | None, subject: str | None, before: str | None, limit: int) -> list[Document]:
        """Return index entries, newest first, from behind the key `before`."""
        query: Document = {"_id": _below(self.tenant, before)}
        if type_ is not None:
            query["type"] = type_
        if subject is not None:
            query["subject"] = subject
        return await self._events.find(query).sort("_id", DESCENDING).limit(limit).to_list(limit)

    async def delivery(self, key: DeliveryKey) -> Document | None:
        """Return a delivery."""
        return await self._deliveries.find_one({"_id": key.stored})

    async def deliveries(
        self, *, endpoint: str | None, status: str | None, before: str | None, limit: int
    ) -> list[Document]:
        """Return deliveries, newest first within each endpoint, from behind the key `before`."""
        prefix = f"{self.tenant}/{endpoint}" if endpoint else self.tenant
        query: Document = {"_id": _below(prefix, before)}
        if status is not None:
            query["status"] = status
            if status != DeliveryStatus.DELIVERED and endpoint is not None:
                query |= {"open": True, "endpoint": endpoint}
        return await self._deliveries.find(query).sort("_id", DESCENDING).limit(limit).to_list(limit)

    async def deliveries_of(self, event: Document, endpoints: Sequence[str]) -> list[Document]:
        """Return the deliveries of one event to any of `endpoints`, replayed ones included."""
        moment = f"{event['moment']:011x}-"
        ranges = [
            {"_id": {"$gte": f"{self.tenant}/{each}/{moment}", "$lt": f"{self.tenant}/{each}/{moment}{AFTER_ALL}"}}
            for each in sorted({*event["to"], *endpoints})
        ]
        if not ranges:
            return []
        event_id = event.get("given_id") or event["_id"].partition("/")[2]
        return await self._deliveries.find({"$or": ranges, "event_id": event_id}).sort("_id", 1).to_list(None)

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

    async def redeliver(self, delivery: Document, body: bytes) -> None:
        """Make a delivery due now, with its whole schedule before it."""
        await self._deliveries.bulk_write([_redelivery(delivery, body)])

    async def redeliver_dead_letters(self, endpoint: str) -> int:
        """Make every dead letter of an endpoint due now; return how many there were."""
        prefix = f"{self.tenant}/{endpoint}"
        query: Document = {
            "open": True,
            "endpoint": endpoint,
            "status": DeliveryStatus.DEAD_LETTERED.value,
            "_id": _below(prefix),
        }
        count = 0
        while found := await self._deliveries.find(query).limit(BATCH).to_list(BATCH):
            changes = [_redelivery(delivery, delivery["body"]) for delivery in found]
            result = await self._deliveries.bulk_write(changes, ordered=False)
            count += result.modified_count
        return count


def _below(prefix: str, before: str | None = None) -> Document:
    """The range of the keys below a prefix; a cursor from anywhere else cannot widen it."""
    end = f"{prefix}{AFTER_SLASH}"
    return {"$gt": f"{prefix}/", "$lt": min(before, end) if before else end}


def _redelivery(delivery: Document, body: bytes) -> UpdateOne:
    fields = {
        "status": DeliveryStatus.PENDING.value,
        "open": True,
        "body": body,
        "due_at": time.time(),
        "updated": time.time(),
        "forgiven": len(delivery["attempts"]),
    }
    return UpdateOne({"_id": delivery["_id"]}, {"$set": fields, "$unset": {"reason": ""}})
