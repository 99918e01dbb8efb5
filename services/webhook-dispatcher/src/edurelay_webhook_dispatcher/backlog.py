"""The open deliveries: which of them are to be attempted when, and which are dead letters.

A delivery that arrives at its first attempt, as nearly all do, never comes here. For the others there is a small
entry beside the document: it says where to look, and the document says what is true. An entry is there before its
document is written and until after that document says "delivered", so that a crash in between leaves at worst an
entry too many, which `mend` takes away when it becomes due.
"""

from __future__ import annotations

import time
from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, DESCENDING, Collection, DeleteOne, Document, UpdateOne
from edurelay.mongo.writes import insert_new
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher.chains import place_of
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How soon an entry is looked at again whose document is not there yet, in seconds; twice as late each time.
ABSENT_SECONDS = 0.25
ABSENT_SECONDS_AT_MOST = 3600.0

#: How soon an entry is looked at again that waits for another of its chain, in seconds; twice as late each time.
WAITING_SECONDS = 0.25
WAITING_SECONDS_AT_MOST = 900.0

_NONE: Mapping[str, float] = MappingProxyType({})
_NO_CHAINS: Mapping[str, str] = MappingProxyType({})


class Backlog:
    """The entries: `_id` as the delivery's, endpoint, status, claims; pending ones have `due_at` (Unix time), and
    `rests_since` (Unix time) where they wait for their endpoint to get something again. One that keeps an order has
    `chain` and `number` (see `chains`), and `waits` where it was put off for another: how often."""

    def __init__(self, entries: Collection) -> None:
        self._entries = entries

    async def add(
        self,
        due: Mapping[str, float],
        resting: Mapping[str, float] = _NONE,
        chains: Mapping[str, str] = _NO_CHAINS,
        waiting: Names[str] = (),
    ) -> None:
        """Make deliveries due, by primary key, whether or not they have an entry; `resting` has the `rests_since` of
        those that wait for a breaker, `chains` the chains of those that keep an order, of which some are `waiting`."""
        documents = []
        for stored, due_at in due.items():
            key = DeliveryKey.from_stored(stored)
            entry: Document = {
                "_id": stored,
                "endpoint": key.endpoint,
                "status": DeliveryStatus.PENDING.value,
                "due_at": due_at,
                "claims": 0,
            }
            if stored in resting:
                entry["rests_since"] = resting[stored]
            if stored in chains:
                entry |= {"chain": chains[stored], "number": place_of(key)}
            if stored in waiting:
                entry |= {"due_at": due_at + WAITING_SECONDS, "waits": 0}
            documents.append(entry)
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
                else {"$set": {"status": pending, "due_at": due_at}, "$unset": {"rests_since": "", "waits": ""}},
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

    async def end(self, delivered: Iterable[str], dead: Iterable[str], parked: Iterable[str] = ()) -> None:
        """Forget what arrived, and keep as dead letters what did not; those that are `parked` stay in their chains."""
        ended = {"$set": {"status": DeliveryStatus.DEAD_LETTERED.value}}
        kept = {"due_at": "", "rests_since": "", "waits": ""}
        await self._write(
            [
                *(DeleteOne({"_id": stored}) for stored in delivered),
                *(
                    UpdateOne({"_id": stored}, {**ended, "$unset": {**kept, "chain": "", "number": ""}})
                    for stored in dead
                ),
                *(UpdateOne({"_id": stored}, {**ended, "$unset": kept}) for stored in parked),
            ]
        )

    async def hold_back(self, entries: Iterable[Document], now: float) -> None:
        """Put off what waits for another of its chain, where it is as it was seen: not claimed, and not woken."""
        await self._write(
            UpdateOne(
                {"_id": entry["_id"], "claims": entry["claims"], "waits": entry.get("waits")},
                {
                    "$set": {
                        "due_at": now + min(WAITING_SECONDS * 2.0 ** entry.get("waits", 0), WAITING_SECONDS_AT_MOST),
                        "waits": min(entry.get("waits", 0) + 1, 32),
                    },
                    "$unset": {"rests_since": ""},
                },
            )
            for entry in entries
        )

    async def wake_next(self, ended: Mapping[str, str]) -> None:
        """Make due what comes next in the chains of deliveries that have ended, by primary key, and waits for them."""
        chains: dict[str, set[str]] = {}
        for stored, chain in ended.items():
            chains.setdefault(chain, set()).add(stored)
        firsts = await together(*(self._first(chain, without) for chain, without in chains.items()))
        await self._write(
            UpdateOne({"_id": first, "waits": {"$gte": 0}}, {"$set": {"due_at": time.time(), "waits": 0}})
            for first in firsts
            if first is not None
        )

    async def wake_waiting(self, endpoint: str) -> None:
        """Make due all that waits for others, since the endpoint's order is another."""
        await self._entries.update_many(
            {"endpoint": endpoint, "waits": {"$gte": 0}}, {"$set": {"due_at": time.time(), "waits": 0}}
        )

    async def of_chains(self, chains: list[str], limit: int) -> list[Document]:
        """Return entries of some chains, in no order."""
        return await self._entries.find({"chain": {"$in": chains}}).limit(limit).to_list(limit)

    async def before(self, chain: str, number: int, limit: int) -> list[Document]:
        """Return the first entries of a chain before a place."""
        query: Document = {"chain": chain, "number": {"$lt": number}}
        return await self._entries.find(query).sort("number", ASCENDING).limit(limit).to_list(limit)

    async def parked(self) -> list[Document]:
        """Return the dead letters that are in a chain still."""
        return await self._entries.find({"chain": {"$gt": ""}, "status": DeliveryStatus.DEAD_LETTERED.value}).to_list(
            None
        )

    async def give_up(self, stored: str) -> None:
        """Make a delivery an ordinary dead letter, whatever waited for it."""
        entry = await self.entry(stored)
        if entry is not None and "chain" in entry:
            await self.wake_next({stored: entry["chain"]})
        await self.end([], [stored])

    async def entry(self, stored: str) -> Document | None:
        """Return an entry."""
        return await self._entries.find_one({"_id": stored})

    async def _first(self, chain: str, without: Names[str]) -> str | None:
        some = 1 + len(without)
        found = (
            await self._entries.find({"chain": chain}, {"_id": 1}).sort("number", ASCENDING).limit(some).to_list(some)
        )
        return next((each["_id"] for each in found if each["_id"] not in without), None)

    async def due(self, now: float, *, without: Names[str], limit: int) -> list[Document]:
        """Return the entries that are due, the oldest first, without those of some endpoints."""
        # The lower bound is what the embedded store needs to see that the index serves the query.
        query: Document = {"due_at": {"$gt": 0, "$lte": now}, "endpoint": {"$nin": list(without)}}
        return await self._entries.find(query).sort("due_at", ASCENDING).limit(limit).to_list(limit)

    async def hasten(self, endpoint: str, now: float) -> None:
        """Make everything due that is pending for an endpoint."""
        await self._entries.update_many({"endpoint": endpoint, "due_at": {"$gt": now}}, {"$set": {"due_at": now}})

    async def oldest(self, endpoint: str, limit: int) -> list[Document]:
        """Return the pending entries of an endpoint that were due first."""
        query: Document = {"endpoint": endpoint, "due_at": {"$gt": 0}}
        return await self._entries.find(query).sort("due_at", ASCENDING).limit(limit).to_list(limit)

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
            await self.put_off({entry["_id"]: time.time() + wait})
        elif "parked" in document:
            await self.end([], [], [entry["_id"]])
        else:
            if "chain" in entry:
                await self.wake_next({entry["_id"]: entry["chain"]})
            arrived = document["status"] == DeliveryStatus.DELIVERED
            await self.end([entry["_id"]] if arrived else [], [] if arrived else [entry["_id"]])

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
