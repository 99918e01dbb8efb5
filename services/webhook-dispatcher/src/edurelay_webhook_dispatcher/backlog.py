"""The open deliveries: which of them are to be attempted when, and which are dead letters.

A delivery that arrives at its first attempt, as nearly all do, never comes here. For the others there is a small
entry beside the document: it says where to look, and the document says what is true. An entry is there before its
document is written and until after that document says "delivered", so that a crash in between leaves at worst an
entry too many, which `mend` takes away when it becomes due.

Each endpoint's pending entries are a queue by due time. The embedded store reads all that a filter matches, whatever
the limit, so `head` finds first up to when it has to read: of about every 32nd entry there is a mark in a sparse index,
of every 1,024th a higher one and of every 32,768th a higher one yet, as in a skip list (Pugh 1990). A look at a queue
of a million entries reads a few hundred, and so does one of a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, DESCENDING, Collection, DeleteOne, Document, UpdateOne
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How soon an entry is looked at again whose document is not there yet, in seconds; twice as late each time.
ABSENT_SECONDS = 0.25
ABSENT_SECONDS_AT_MOST = 3600.0
#: The highest rank of a mark; of `SPACING` entries that have a rank at least, one has a higher one.
HIGHEST: Final = 3
SPACING: Final = 32
#: How many marks of a rank are read to find the bound for the next lower one.
MARKS: Final = 8
#: With so many entries of a rank it is estimated how many there are in all.
SAMPLE: Final = 400


@dataclass(frozen=True, slots=True)
class Head:
    """The pending entries of a queue that are due first; `whole` where there are no others."""

    entries: Sequence[Document]
    whole: bool


class Backlog:
    """The entries: `_id` as the delivery's, endpoint, status, claims, `sample` (status and rank); pending ones have
    `due_at` (Unix time) and, from rank 1 on, `mark` (endpoint, rank, due time). `queues` has the ids of the endpoints
    that have, or had, entries."""

    def __init__(self, entries: Collection, queues: Collection) -> None:
        self._entries = entries
        self._queues = queues
        self._announced: set[str] = set()
        #: Queues that were read whole, and how many entries were written to them since then by this process.
        self._short: dict[str, int] = {}
        #: Called with an endpoint and the Unix time at which something will be due for it; the retrier listens.
        self.noted: Callable[[str, float], None] = lambda endpoint, due_at: None

    async def add(self, due: Mapping[str, float]) -> None:
        """Make deliveries due, by primary key, whether or not they have an entry."""
        endpoints = {stored: DeliveryKey.from_stored(stored).endpoint for stored in due}
        fresh = set(endpoints.values()) - self._announced
        # Before the entries: a queue that nobody knows is never looked at.
        await insert_new(self._queues, [{"_id": endpoint} for endpoint in fresh])
        self._announced |= fresh
        documents = [
            {
                "_id": stored,
                "endpoint": endpoints[stored],
                "claims": 0,
                **_pending(stored, due_at),
            }
            for stored, due_at in due.items()
        ]
        present = await insert_new(self._entries, documents)
        await self.put_off({each.document["_id"]: each.document["due_at"] for each in present})
        self._note(due)

    async def put_off(self, due: Mapping[str, float]) -> None:
        """Make entries due, where they are still there."""
        await self._write(UpdateOne({"_id": stored}, {"$set": _pending(stored, at)}) for stored, at in due.items())
        self._note(due)

    def _note(self, due: Mapping[str, float]) -> None:
        for stored, due_at in due.items():
            endpoint = DeliveryKey.from_stored(stored).endpoint
            if endpoint in self._short:
                self._short[endpoint] += 1
            self.noted(endpoint, due_at)

    async def end(self, delivered: Iterable[str], dead: Iterable[str]) -> None:
        """Forget what arrived, and keep as dead letters what did not."""
        status = DeliveryStatus.DEAD_LETTERED.value
        await self._write(
            [
                *(DeleteOne({"_id": stored}) for stored in delivered),
                *(
                    UpdateOne(
                        {"_id": stored},
                        {
                            "$set": {"status": status, "sample": _sample(status, rank(stored))},
                            "$unset": {"due_at": "", "mark": ""},
                        },
                    )
                    for stored in dead
                ),
            ]
        )

    async def queues(self) -> list[str]:
        """Return the ids of the endpoints that have, or had, entries."""
        return [each["_id"] async for each in self._queues.find({})]

    async def forget(self, endpoint: str) -> None:
        """Forget the queue of an endpoint that is no more."""
        self._announced.discard(endpoint)
        self._short.pop(endpoint, None)
        await self._queues.delete_one({"_id": endpoint})

    async def head(self, endpoint: str, limit: int) -> Head:
        """Return about `limit` entries of a queue, those that are due first in front, whether or not they are due."""
        due: Document = {"$gt": 0}
        if self._short.get(endpoint, MARKS * SPACING) < MARKS * SPACING:
            until = None
        else:
            until = await self._bound(endpoint)
        if until is not None:
            due["$lte"] = until
        query: Document = {"endpoint": endpoint, "due_at": due}
        written = self._short.get(endpoint, 0)
        found = await self._entries.find(query).sort("due_at", ASCENDING).limit(limit).to_list(limit)
        whole = until is None and len(found) < limit
        if whole:
            self._short[endpoint] = self._short.get(endpoint, written) - written
        else:
            self._short.pop(endpoint, None)
        return Head(found, whole)

    async def _bound(self, endpoint: str) -> float | None:
        """Return until when a few hundred entries of a queue are due; None where it has hardly more of them."""
        until: float | None = None
        for each in range(HIGHEST, 0, -1):
            marks: Document = {"$gt": _mark(endpoint, each, 0.0)}
            marks |= {"$lt": f"{endpoint}/{each}0"} if until is None else {"$lte": _mark(endpoint, each, until)}
            found = self._entries.find({"mark": marks}, {"due_at": 1}).sort("mark", ASCENDING)
            listed = await found.limit(MARKS).to_list(MARKS)
            if len(listed) == MARKS:
                until = listed[-1]["due_at"]
        return until

    async def claim(self, entry: Document, until: float) -> bool:
        """Keep others from an entry until then; False where one of them was quicker."""
        # Compared is a counter and not the due time, whose index would mislead the embedded store.
        result = await self._entries.update_one(
            {"_id": entry["_id"], "claims": entry["claims"], "status": DeliveryStatus.PENDING.value},
            {"$set": _pending(entry["_id"], until), "$inc": {"claims": 1}},
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
        """Return how many entries have a status; where they are many thousands, an estimate from every 32nd or 1,024th
        of them."""
        total = 0
        for each in range(HIGHEST, -1, -1):
            total += await self._entries.count_documents({"sample": _sample(status.value, each)})
            if total >= SAMPLE:
                return int(total * SPACING**each)
        return total

    async def _write(self, changes: Iterable[UpdateOne | DeleteOne]) -> None:
        listed: Sequence[UpdateOne | DeleteOne] = list(changes)
        if listed:
            await self._entries.bulk_write(listed, ordered=False)


def rank(stored: str) -> int:
    """Return the rank of an entry, by its primary key."""
    number, found = crc32(stored.encode()), 0
    while found < HIGHEST and number % SPACING == 0:
        number, found = number // SPACING, found + 1
    return found


def _pending(stored: str, due_at: float) -> Document:
    """The fields that a pending entry has for its due time."""
    status, own = DeliveryStatus.PENDING.value, rank(stored)
    fields: Document = {"status": status, "due_at": due_at, "sample": _sample(status, own)}
    return fields | {"mark": _mark(DeliveryKey.from_stored(stored).endpoint, own, due_at)} if own else fields


def _mark(endpoint: str, rank: int, due_at: float) -> str:
    return f"{endpoint}/{rank}/{due_at:017.6f}"


def _sample(status: str, rank: int) -> str:
    return f"{status}/{rank}"
