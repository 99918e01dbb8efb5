"""The open deliveries: which of them are to be attempted when, and which are dead letters.

A delivery that arrives at its first attempt, as nearly all do, never comes here. For the others there is a small
entry beside the document: it says where to look, and the document says what is true. An entry is there before its
document is written and until after that document says "delivered", so that a crash in between leaves at worst an
entry too many, which `mend` takes away when it becomes due.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, DESCENDING, Collection, DeleteOne, Document, UpdateOne
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How soon an entry is looked at again whose document is not there yet, in seconds; twice as late each time.
ABSENT_SECONDS = 0.25
ABSENT_SECONDS_AT_MOST = 3600.0

_NONE: Mapping[str, float] = MappingProxyType({})


class Backlog:
    """The entries: `_id` as the delivery's, endpoint, status, claims; pending ones have `due_at` (Unix time), and
    `rests_since` (Unix time) where they wait for their endpoint to get something again."""

    def __init__(self, entries: Collection) -> None:
        self._entries = entries

    async def add(self, due: Mapping[str, float], resting: Mapping[str, float] = _NONE) -> None:
        """Make deliveries due, by primary key, whether or not they have an entry; `resting` has the `rests_since` of
        those that wait for a breaker."""
        documents = [
            {
                "_id": stored,
                "endpoint": DeliveryKey.from_stored(stored).endpoint,
                "status": DeliveryStatus.PENDING.value,
                "due_at": due_at,
                "claims": 0,
                **({"rests_since": resting[stored]} if stored in resting else {}),
            }
            for stored, due_at in due.items()
        ]
        present = await insert_new(self._entries, documents)
        await self.put_off({each.document["_id"]: each.document["due_at"] for each in present}, resting)

    async def put_off(self, due: Mapping[str, float], resting: Mapping[str, float] = _NONE) -> None:
        """Make entries due, where they are still there."""
        pending = DeliveryStatus.PENDING.value
        await self._write(
            UpdateOne(
                {"_id": stored},
                {"$set": {"status": pending, "due_at": due_at, "rests_since": resting[stored]}}
                if stored in resting
                else {"$set": {"status": pending, "due_at": due_at}, "$unset": {"rests_since": ""}},
            )
            for stored, due_at in due.items()
        )

    async def rest(self, endpoint: str, now: float, until: float, *, since: float = 0.0) -> None:
        """Put off what is due for an endpoint that gets nothing now, but for what has rested since before `since`."""
        due = {"endpoint": endpoint, "due_at": {"$gt": 0, "$lte": now}}
        await self._entries.update_many(due | {"rests_since": None}, {"$set": {"due_at": until, "rests_since": now}})
        await self._entries.update_many(due | {"rests_since": {"$gt": since}}, {"$set": {"due_at": until}})

    async def wake(self, endpoint: str, now: float) -> None:
        """Make due what rested, since the endpoint gets something again."""
        await self._entries.update_many(
            {"endpoint": endpoint, "rests_since": {"$gt": 0}}, {"$set": {"due_at": now}, "$unset": {"rests_since": ""}}
        )

    async def end(self, delivered: Iterable[str], dead: Iterable[str]) -> None:
        """Forget what arrived, and keep as dead letters what did not."""
        status = DeliveryStatus.DEAD_LETTERED.value
        await self._write(
            [
                *(DeleteOne({"_id": stored}) for stored in delivered),
                *(
                    UpdateOne(
                        {"_id": stored}, {"$set": {"status": status}, "$unset": {"due_at": "", "rests_since": ""}}
                    )
                    for stored in dead
                ),
            ]
        )

    async def due(self, now: float, *, without: Names[str], limit: int) -> list[Document]:
        """Return the entries that are due, the oldest first, without those of some endpoints."""
        # The lower bound is what the embedded store needs to see that the index serves the query.
        query: Document = {"due_at": {"$gt": 0, "$lte": now}, "endpoint": {"$nin": list(without)}}
        return await self._entries.find(query).sort("due_at", ASCENDING).limit(limit).to_list(limit)

    async def hasten(self, endpoint: str, now: float) -> None:
        """Make everything due that is pending for an endpoint."""
        await self._entries.update_many({"endpoint": endpoint, "due_at": {"$gt": now}}, {"$set": {"due_at": now}})

    async def oldest(self, endpoint: str) -> Document | None:
        """Return the pending entry of an endpoint that was due first."""
        query: Document = {"endpoint": endpoint, "due_at": {"$gt": 0}}
        found = await self._entries.find(query).sort("due_at", ASCENDING).limit(1).to_list(1)
        return found[0] if found else None

    async def claim(self, entry: Document, until: float) -> bool:
        """Keep others from an entry until then; False where one of them was quicker."""
        # Compared is a counter and not the due time, whose index would mislead the embedded store.
        result = await self._entries.update_one(
            {"_id": entry["_id"], "claims": entry["claims"]}, {"$set": {"due_at": until}, "$inc": {"claims": 1}}
        )
        return result.modified_count == 1

    async def mend(self, entry: Document, document: Document | None) -> None:
        """Make a claimed entry agree with the document of its delivery, which is not pending or not there."""
        if document is None:
            wait = min(ABSENT_SECONDS * 2.0 ** min(entry["claims"], 32), ABSENT_SECONDS_AT_MOST)
            await self.put_off({entry["_id"]: clock.now() + wait})
        elif document["status"] == DeliveryStatus.DELIVERED:
            await self.end([entry["_id"]], [])
        else:
            await self.end([], [entry["_id"]])

    async def page(
        self, status: DeliveryStatus, *, keys: Document, endpoint: str | None = None, limit: int
    ) -> list[str]:
        """Return primary keys of one status in a range of `keys`, the newest first within each endpoint."""
        query: Document = {"status": status.value, "_id": keys}
        if endpoint is not None:
            query["endpoint"] = endpoint
        found = await self._entries.find(query, {"_id": 1}).sort("_id", DESCENDING).limit(limit).to_list(limit)
        return [entry["_id"] for entry in found]

    async def count(self, status: DeliveryStatus) -> int:
        """Return how many entries have a status."""
        return await self._entries.count_documents({"status": status.value})

    async def _write(self, changes: Iterable[UpdateOne | DeleteOne]) -> None:
        listed: Sequence[UpdateOne | DeleteOne] = list(changes)
        if listed:
            await self._entries.bulk_write(listed, ordered=False)
