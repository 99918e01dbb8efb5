"""The open deliveries: which of them are to be attempted when, and which are dead letters.

A delivery that arrives at its first attempt, as nearly all do, never comes here. For the others there is a small
entry beside the document: it says where to look, and the document says what is true. An entry is there before its
document is written and until after that document says "delivered", so that a crash in between leaves at worst an
entry too many, which `mend` takes away when it becomes due.

Each endpoint's pending entries are a queue by due time, of which `head` reads no more than it has to (see `marks`): a
look at a queue of a million entries reads a few hundred, and so does one of a hundred thousand.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, DESCENDING, Collection, Document, UpdateMany
from edurelay.mongo.writes import insert_new
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock, marks
from edurelay_webhook_dispatcher.chains import place_of
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How soon an entry is looked at again whose document is not there yet, in seconds; twice as late each time.
ABSENT_SECONDS = 0.25
ABSENT_SECONDS_AT_MOST = 3600.0
#: How soon an entry is looked at again that waits for another of its chain, in seconds; twice as late each time.
WAITING_SECONDS = 0.25
WAITING_SECONDS_AT_MOST = 900.0
#: How many marks of a rank are read to find the bound for the next lower one.
MARKS: Final = 8
#: How many entries of short queues are read together at most; where there are more, each queue is read by itself.
TOGETHER: Final = 500
#: With so many entries of a rank it is estimated how many there are in all.
SAMPLE: Final = 100

_NO_CHAINS: Mapping[str, str] = MappingProxyType({})
_ANY: Document = {}


@dataclass(frozen=True, slots=True)
class Head:
    """The pending entries of a queue that are due first; `whole` where there are no others."""

    entries: Sequence[Document]
    whole: bool


class Backlog:
    """The entries: `_id` as the delivery's, endpoint, status, claims (how often), `claim` (the last one), `sample`
    (status and rank); pending ones have `due_at` (Unix time) and, from rank 1 on, `mark` (endpoint, rank, due time).
    `queues` has the ids of the endpoints that have, or had, entries. One that keeps an order has `chain` and `number`
    (see `chains`), and `waits` where it was put off for another: how often."""

    def __init__(self, entries: Collection, queues: Collection) -> None:
        self._entries = entries
        self._queues = queues
        self._announced: set[str] = set()
        #: Queues that were read whole, and how many entries were written to them since then by this process.
        self._short: dict[str, int] = {}
        #: Called with an endpoint and the Unix time at which something will be due for it; the retrier listens.
        self.noted: Callable[[str, float], None] = lambda endpoint, due_at: None

    async def add(
        self, due: Mapping[str, float], chains: Mapping[str, str] = _NO_CHAINS, waiting: Names[str] = ()
    ) -> None:
        """Make deliveries due, by primary key, whether or not they have an entry; `chains` has the chains of those that
        keep an order, of which some are `waiting`."""
        due = {stored: due_at + WAITING_SECONDS * (stored in waiting) for stored, due_at in due.items()}
        endpoints = {stored: DeliveryKey.from_stored(stored).endpoint for stored in due}
        fresh = set(endpoints.values()) - self._announced
        # Before the entries: a queue that nobody knows is never looked at.
        known = {each.document["_id"] for each in await insert_new(self._queues, [{"_id": each} for each in fresh])}
        self._announced |= fresh
        self._short |= dict.fromkeys(fresh - known, 0)
        documents = [
            {
                "_id": stored,
                "endpoint": endpoints[stored],
                "claims": 0,
                **marks.pending(stored, due_at),
                **({"chain": chains[stored], "number": _place(stored)} if stored in chains else {}),
                **({"waits": 0} if stored in waiting else {}),
            }
            for stored, due_at in due.items()
        ]
        present = await insert_new(self._entries, documents)
        await self.put_off({each.document["_id"]: each.document["due_at"] for each in present})
        self._note(due)

    async def put_off(self, due: Mapping[str, float]) -> None:
        """Make entries due, where they are still there."""
        await self._change(
            {name: {"$set": marks.pending(name, at), "$unset": {"waits": ""}} for name, at in due.items()}
        )
        self._note(due)

    async def renew(self, names: Iterable[str], until: float) -> None:
        """Keep others until then from what is in hand, where it is pending still."""
        changes = {stored: {"$set": marks.pending(stored, until)} for stored in names}
        await self._change(changes, {"status": DeliveryStatus.PENDING.value})

    def _note(self, due: Mapping[str, float]) -> None:
        for stored, due_at in due.items():
            endpoint = DeliveryKey.from_stored(stored).endpoint
            if endpoint in self._short:
                self._short[endpoint] += 1
            self.noted(endpoint, due_at)

    async def end(self, delivered: Iterable[str], dead: Iterable[str], parked: Iterable[str] = ()) -> None:
        """Forget what arrived, and keep as dead letters what did not; those that are `parked` stay in their chains."""
        pending = {"due_at": "", "mark": "", "waits": ""}
        placed = {**pending, "chain": "", "number": ""}
        changes = {stored: {"$set": marks.dead(stored), "$unset": placed} for stored in dead}
        changes |= {stored: {"$set": marks.dead(stored), "$unset": pending} for stored in parked}
        arrived = list(delivered)
        if arrived:
            await self._entries.delete_many({"_id": {"$in": arrived}})
        await self._change(changes)

    async def hold_back(self, entries: Iterable[Document], now: float) -> None:
        """Put off what waits for another of its chain, where it is as it was seen: not claimed, and not woken."""
        due: dict[str, float] = {}
        for (claims, waits), alike in _alike(entries, "claims", "waits").items():
            until = now + min(WAITING_SECONDS * 2.0 ** (waits or 0), WAITING_SECONDS_AT_MOST)
            names = [each["_id"] for each in alike]
            put_off = {"waits": min((waits or 0) + 1, 32)}
            changes = {stored: {"$set": marks.pending(stored, until) | put_off} for stored in names}
            await self._change(changes, {"claims": claims, "waits": waits})
            due |= dict.fromkeys(names, until)
        self._note(due)

    async def wake_next(self, ended: Mapping[str, str]) -> None:
        """Make due what comes next in the chains of deliveries that have ended, by primary key, and waits for them."""
        chains: dict[str, set[str]] = {}
        for stored, chain in ended.items():
            chains.setdefault(chain, set()).add(stored)
        firsts = await together(*(self._first(chain, without) for chain, without in chains.items()))
        await self._wake([first for first in firsts if first is not None])

    async def wake_waiting(self, endpoint: str) -> None:
        """Make due all that waits for others, since the endpoint's order is another."""
        waiting: Document = {"chain": {"$gt": f"{endpoint}/", "$lt": f"{endpoint}0"}, "waits": {"$gte": 0}}
        await self._wake([each["_id"] async for each in self._entries.find(waiting, {"_id": 1})])

    async def _wake(self, names: Sequence[str]) -> None:
        now = clock.now()
        changes = {stored: {"$set": {**marks.pending(stored, now), "waits": 0}} for stored in names}
        await self._change(changes, {"waits": {"$gte": 0}})
        self._note(dict.fromkeys(names, now))

    async def of_chains(self, chains: list[str], limit: int) -> list[Document]:
        """Return entries of some chains, in no order."""
        return await self._entries.find({"chain": {"$in": chains}}).limit(limit).to_list(limit)

    async def before(self, chain: str, number: int, limit: int) -> list[Document]:
        """Return the first entries of a chain before a place."""
        query: Document = {"chain": chain, "number": {"$lt": number}}
        return await self._entries.find(query).sort("number", ASCENDING).limit(limit).to_list(limit)

    async def parked(self) -> list[Document]:
        """Return the dead letters that are in a chain still."""
        query: Document = {"chain": {"$gt": ""}, "status": DeliveryStatus.DEAD_LETTERED.value}
        return await self._entries.find(query).to_list(None)

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
        found = self._entries.find({"chain": chain}, {"_id": 1}).sort("number", ASCENDING).limit(some)
        return next((each["_id"] for each in await found.to_list(some) if each["_id"] not in without), None)

    async def queues(self) -> list[str]:
        """Return the ids of the endpoints that have, or had, entries."""
        return [each["_id"] async for each in self._queues.find({})]

    async def forget(self, endpoint: str) -> None:
        """Forget the queue of an endpoint that is no more."""
        self._announced.discard(endpoint)
        self._short.pop(endpoint, None)
        await self._queues.delete_one({"_id": endpoint})

    async def heads(self, limits: Mapping[str, int]) -> dict[str, Head]:
        """Return the heads of some queues, each of about so many entries. Those that are known to be short are read
        together: a thousand endpoints at which nothing arrives have a delivery each."""
        short = [endpoint for endpoint in limits if self._is_short(endpoint)]
        found = await self._short_heads({endpoint: limits[endpoint] for endpoint in short}) if len(short) > 1 else {}
        others = [endpoint for endpoint in limits if endpoint not in found]
        heads = await together(*(self.head(endpoint, limits[endpoint]) for endpoint in others))
        return found | dict(zip(others, heads, strict=True))

    async def _short_heads(self, limits: Mapping[str, int]) -> dict[str, Head]:
        written = {endpoint: self._short[endpoint] for endpoint in limits}
        query: Document = {"endpoint": {"$in": list(limits)}, "due_at": {"$gt": 0}}
        found = await self._entries.find(query).limit(TOGETHER).to_list(TOGETHER)
        if len(found) == TOGETHER:
            return {}
        entries: dict[str, list[Document]] = {endpoint: [] for endpoint in limits}
        for each in sorted(found, key=lambda entry: entry["due_at"]):
            entries[each["endpoint"]].append(each)
        return {
            endpoint: self._seen(endpoint, entries[endpoint][:limit], written[endpoint], len(entries[endpoint]) < limit)
            for endpoint, limit in limits.items()
        }

    async def head(self, endpoint: str, limit: int) -> Head:
        """Return about `limit` entries of a queue, those that are due first in front, whether or not they are due."""
        due: Document = {"$gt": 0}
        until = None if self._is_short(endpoint) else await self._bound(endpoint)
        if until is not None:
            due["$lte"] = until
        query: Document = {"endpoint": endpoint, "due_at": due}
        written = self._short.get(endpoint, 0)
        found = await self._entries.find(query).sort("due_at", ASCENDING).limit(limit).to_list(limit)
        return self._seen(endpoint, found, written, until is None and len(found) < limit)

    def _is_short(self, endpoint: str) -> bool:
        return self._short.get(endpoint, MARKS * marks.SPACING) < MARKS * marks.SPACING

    def _seen(self, endpoint: str, entries: Sequence[Document], written: int, whole: bool) -> Head:
        """Remember how a queue was read, to which so many entries had been `written` before."""
        if whole:
            self._short[endpoint] = self._short.get(endpoint, written) - written
        else:
            self._short.pop(endpoint, None)
        return Head(entries, whole)

    async def _bound(self, endpoint: str) -> float | None:
        """Return until when a few hundred entries of a queue are due; None where it has hardly more of them."""
        until: float | None = None
        for each in range(marks.HIGHEST, 0, -1):
            found = self._entries.find(marks.between(endpoint, each, until), {"due_at": 1}).sort("mark", ASCENDING)
            listed = await found.limit(MARKS).to_list(MARKS)
            if len(listed) == MARKS:
                until = listed[-1]["due_at"]
        return until

    async def claim(self, entries: Sequence[Document], until: float) -> list[Document]:
        """Keep others from entries until then; return those of them where nobody was quicker."""
        if not entries:
            return []
        token = secrets.token_hex(8)
        taken = 0
        # Compared is a counter and not the due time, whose index would mislead the embedded store.
        for (claims,), alike in _alike(entries, "claims").items():
            ours = {"claim": token, "claims": claims + 1}
            changes = {each["_id"]: {"$set": marks.pending(each["_id"], until) | ours} for each in alike}
            taken += await self._change(changes, {"claims": claims, "status": DeliveryStatus.PENDING.value})
        if taken == len(entries):
            return list(entries)
        query: Document = {"_id": {"$in": [each["_id"] for each in entries]}, "claim": token}
        won = {each["_id"] async for each in self._entries.find(query, {"_id": 1})}
        return [each for each in entries if each["_id"] in won]

    async def mend(self, entry: Document, document: Document | None) -> None:
        """Make a claimed entry agree with the document of its delivery, which is not pending or not there."""
        if document is None:
            wait = min(ABSENT_SECONDS * 2.0 ** min(entry["claims"], 32), ABSENT_SECONDS_AT_MOST)
            await self.put_off({entry["_id"]: clock.now() + wait})
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
        """Return how many entries have a status; where they are many thousands, an estimate from every 32nd or 1,024th
        of them."""
        total = 0
        for each in range(marks.HIGHEST, -1, -1):
            total += await self._entries.count_documents({"sample": marks.sample(status, each)})
            if total >= SAMPLE:
                return int(total * marks.SPACING**each)
        return total

    async def _change(self, changes: Mapping[str, Document], only: Document = _ANY) -> int:
        """Make the changes, by primary key, of `only` such entries; return how many there were. The same change of
        many is one statement: what a store does for a statement costs more than what it does for an entry."""
        names: dict[bytes, list[str]] = {}
        for stored, change in changes.items():
            names.setdefault(orjson.dumps(change), []).append(stored)
        if not names:
            return 0
        result = await self._entries.bulk_write(
            [UpdateMany({"_id": {"$in": each}, **only}, changes[each[0]]) for each in names.values()], ordered=False
        )
        return int(result.matched_count)


def _alike(entries: Iterable[Document], *fields: str) -> dict[tuple[Any, ...], list[Document]]:
    """Return the entries by what they have in some fields."""
    found: dict[tuple[Any, ...], list[Document]] = {}
    for entry in entries:
        found.setdefault(tuple(map(entry.get, fields)), []).append(entry)
    return found


def _place(stored: str) -> int:
    return place_of(DeliveryKey.from_stored(stored))
