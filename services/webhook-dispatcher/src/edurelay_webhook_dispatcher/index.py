"""The index of events: what was published, newest first, and where in the log it stands.

It is written in blocks, since one document for two hundred events costs a database hardly more than one for a single
event. A block is named by its last event and holds events of one tenant from at most `SPAN_MS`, so what may hold a
given event is a short range of names; blocks overlap where events came out of order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from edurelay.events.ids import OWN_EVENT_ID, digest, earliest_key, event_key
from edurelay.mongo import ASCENDING, DESCENDING, Collection, Document
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher.wanted import EXAMINED, Wanted

#: How far apart the events of one block are at most, in milliseconds.
SPAN_MS = 60_000
#: Events that are so close to their neighbours, in milliseconds, are looked up together, and all between them is read:
#: what was published in a row is one look-up, and what was not has one each.
NEAR_MS = 1_000
#: The latest moment that a key can tell, and a text behind all keys.
_LATEST = 0xFFFFFFFFFFFF
_BEHIND = "~"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `id` is the publisher's where it chose one; `moment` is the log's timestamp in milliseconds; `to` are
    the ids of the endpoints that it matched and is sent to, `streamed` of those in whose stream it is read."""

    tenant: str
    id: str
    type: str
    subject: str | None
    time: str
    source: str
    partition: int
    offset: int
    moment: int
    to: tuple[str, ...]
    streamed: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What the entries of a tenant are sorted by."""
        return event_key(self.id, self.moment)

    @property
    def position(self) -> tuple[int, int]:
        """Partition and offset."""
        return self.partition, self.offset


class EventIndex:
    """The entries of all tenants: blocks of them, and for ids that a publisher chose, their key and their block; what
    was written before blocks were named there has the key alone.

    A block has `_id` (tenant, last key, a digest of all keys), `first` (key) and `entries` (JSON).
    """

    def __init__(self, blocks: Collection, given_ids: Collection) -> None:
        self._blocks = blocks
        self._given_ids = given_ids

    async def add(self, entries: Iterable[Entry]) -> None:
        """Write entries. The same ones once more change nothing."""
        ordered = sorted(entries, key=lambda entry: (entry.tenant, entry.key))
        parts = [part for _, of in groupby(ordered, _tenant) for part in _parts(of)]
        blocks = [_block(part) for part in parts]
        await insert_new(self._blocks, blocks)
        given = [
            {"_id": f"{each.tenant}/{each.id}", "key": each.key, "block": block["_id"]}
            for block, part in zip(blocks, parts, strict=True)
            for each in part
            if not OWN_EVENT_ID.fullmatch(each.id)
        ]
        await insert_new(self._given_ids, given)

    async def find(self, tenant: str, ids: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those of the events that are there, by id. However far apart they are, only the blocks
        that may hold one are read; each stretch of time costs the store a look, so there should be hundreds at most."""
        keys = {event_id for event_id in ids if OWN_EVENT_ID.fullmatch(event_id)}
        given = [f"{tenant}/{event_id}" for event_id in ids if event_id not in keys]
        led = [each async for each in self._given_ids.find({"_id": {"$in": given}})] if given else []
        named = {each["block"] for each in led if "block" in each}
        unnamed = keys | {each["key"] for each in led if "block" not in each}
        # Not in one query: the embedded store would scan for those that are named, too.
        queries: list[Document] = [{"_id": {"$in": list(named)}}] if named else []
        if unnamed:
            queries.append({"$or": [_holding(tenant, near) for near in _near(unnamed)]})
        keys |= {each["key"] for each in led}
        wanted = frozenset(ids)
        return {
            entry.id: entry
            for query in queries
            async for block in self._blocks.find(query)
            for entry in _entries(block, wanted)
            if entry.key in keys
        }

    async def blocks(self, after: str, limit: int) -> list[tuple[str, list[Entry]]]:
        """Return blocks of all tenants by name, in the order of their names, from behind `after`."""
        found = await self._blocks.find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit).to_list(limit)
        return [(block["_id"], _entries(block)) for block in found]

    async def page(
        self, tenant: str, wanted: Wanted, *, before: str | None, limit: int, examined: int = EXAMINED
    ) -> tuple[list[Entry], str | None]:
        """Return entries, newest first, from behind the key `before`, and the key to go on behind, None where there is
        nothing more. After `examined` entries a page ends, however few of them are wanted."""
        found: list[Entry] = []
        earliest = wanted.since_key
        async for entry in self._newest_first(tenant, _earlier(before, wanted.until_key)):
            if entry.key < earliest:
                return found, None
            examined -= 1
            if wanted.takes(entry.type, entry.subject, entry.moment):
                found.append(entry)
            if len(found) == limit or examined == 0:
                return found, entry.key
        return found, None

    async def tenant_behind(self, tenant: str | None) -> str | None:
        """Return the next tenant of whom there is something, the first one behind None."""
        behind = {"_id": {"$gt": f"{tenant}0" if tenant is not None else ""}}
        found = await self._blocks.find(behind, {"_id": 1}).sort("_id", ASCENDING).limit(1).to_list(1)
        return found[0]["_id"].split("/")[0] if found else None

    async def forget(self, tenant: str, until: int, *, limit: int) -> int:
        """Delete at most `limit` blocks of which every event is from before `until` (milliseconds); return how many it
        were."""
        old = _between(tenant, "", earliest_key(until))
        blocks = await self._blocks.find(old).limit(limit).to_list(limit)
        given = [each for block in blocks for each in _entries(block) if not OWN_EVENT_ID.fullmatch(each.id)]
        # While the block is there, what leads to it may be missing, and not the other way round.
        if given:
            await self._given_ids.delete_many({"_id": {"$in": [f"{tenant}/{each.id}" for each in given]}})
        await self._blocks.delete_many({"_id": {"$in": [block["_id"] for block in blocks]}})
        return len(blocks)

    async def _newest_first(self, tenant: str, before: str | None) -> AsyncIterator[Entry]:
        query = _between(tenant, "", _after_span(before) if before else None)
        waiting: dict[str, Entry] = {}
        async for block in self._blocks.find(query).sort("_id", DESCENDING).batch_size(10):
            # No block from here on has anything behind its own last event.
            last = block["_id"].split("/")[1]
            for key in sorted((key for key in waiting if key > last), reverse=True):
                yield waiting.pop(key)
            waiting |= {entry.key: entry for entry in _entries(block) if before is None or entry.key < before}
        for key in sorted(waiting, reverse=True):
            yield waiting[key]


def _tenant(entry: Entry) -> str:
    return entry.tenant


def _parts(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Divide one tenant's entries, which are in order, into those of a block each."""
    parts: list[list[Entry]] = []
    for entry in entries:
        if not parts or entry.key > _after_span(parts[-1][0].key):
            parts.append([])
        parts[-1].append(entry)
    return parts


def _near(keys: Iterable[str]) -> list[list[str]]:
    """Divide keys into those, in order, of which each is near the one before it."""
    parts: list[list[str]] = []
    for key in sorted(keys):
        if not parts or _moment(key) - _moment(parts[-1][-1]) > NEAR_MS:
            parts.append([])
        parts[-1].append(key)
    return parts


def _block(entries: list[Entry]) -> Document:
    keys = [entry.key for entry in entries]
    return {
        "_id": f"{entries[0].tenant}/{keys[-1]}/{digest('block', *keys).hex()[:16]}",
        "first": keys[0],
        "entries": orjson.dumps(entries),
    }


def _entries(block: Document, wanted: Container[str] | None = None) -> list[Entry]:
    """Return a block's entries, or only those with the wanted ids."""
    rows: list[dict[str, Any]] = orjson.loads(block["entries"])
    return [
        Entry(**row | {"to": tuple(row["to"]), "streamed": tuple(row["streamed"])})
        for row in rows
        if wanted is None or row["id"] in wanted
    ]


def _between(tenant: str, first: str, behind: str | None) -> Document:
    """The names of a tenant's blocks from one key to another; a cursor from anywhere else cannot widen it."""
    end = f"{tenant}0"  # The character behind the slash.
    return {"_id": {"$gte": f"{tenant}/{first}", "$lt": min(f"{tenant}/{behind}", end) if behind else end}}


def _holding(tenant: str, keys: Sequence[str]) -> Document:
    """What the blocks are that may hold one of these keys, which are in order."""
    return _between(tenant, keys[0], _after_span(keys[-1])) | {"first": {"$lte": keys[-1]}}


def _earlier(before: str | None, until: str | None) -> str | None:
    return min((key for key in (before, until) if key is not None), default=None)


def _after_span(key: str) -> str:
    """A text behind the last key of every block that holds `key`; behind all keys where it is none."""
    if not OWN_EVENT_ID.fullmatch(key):
        return _BEHIND
    return f"{key[:4]}{min(_moment(key) + SPAN_MS, _LATEST):012x}{_BEHIND}"


def _moment(key: str) -> int:
    """The moment in a key, in milliseconds."""
    return int(key[4:16], 16)
