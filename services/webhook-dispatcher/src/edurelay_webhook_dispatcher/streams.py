"""The stream of an endpoint: its deliveries, numbered from 1 without a gap in the order in which they were matched.

By the numbers a receiver sees that something is missing, and asks for it; and one that takes no webhooks reads the
stream instead. It is written in blocks. The name of a block holds its first number, so of two dispatchers that would
write the same numbers one is refused, and numbers its deliveries anew behind the other's.

Old blocks are deleted; where the stream goes on is kept apart from them (`positions`), so that no number comes again.

Numbers are given out before they are written: a first attempt needs no write before it. Only where dispatchers get in
each other's way are the numbers of an endpoint written first, for a while. So a number may be sent twice, with two
deliveries, when a dispatcher dies or is refused; the stream itself has each number and each delivery once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from collections.abc import Collection as Several
from dataclasses import dataclass, field
from itertools import takewhile

import orjson

from edurelay.mongo import ASCENDING, DESCENDING, Collection, Document
from edurelay.mongo.writes import insert_new
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher.blocks import Ticket, block_id, block_of, stream_of, tickets_of
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.positions import Positions

#: How many deliveries a block has at most.
LARGEST = 500
#: For how long numbers are written before they are sent, after two dispatchers have given out the same, in seconds.
CONTENDED_SECONDS = 60.0
#: How far back a delivery that may have been numbered before a crash is looked for: more than can be under way.
RECENT = 4_000
#: After how long without a write it is looked again where a stream ends, in seconds: others may have written blocks
#: which are deleted by now, and so would not refuse ours. Blocks live longer than that (`retention`).
STALE = 600.0
#: After how many blocks it is noted how far a stream goes, so that its end is found without a look at all of it.
NOTED = 50
#: For how long it is remembered what was numbered lately, in seconds: until what was under way has been met again.
REMEMBERED_SECONDS = 60.0


@dataclass(slots=True)
class _Stream:
    tenant: str
    endpoint: str
    next: int
    seen_at: float
    unwritten: list[Ticket] = field(default_factory=list)
    contended_until: float = 0.0
    blocks_since_note: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return stream_of(self.tenant, self.endpoint)


class EventsGone(Exception):
    """What would come next in a stream was deleted for its age; `first` is the first number that is still there."""

    def __init__(self, first: int) -> None:
        super().__init__(f"the stream begins at {first} now")
        self.first = first


class Streams:
    """The streams of all endpoints. What is `number`ed has to be `open`ed before and written by `write`."""

    def __init__(self, blocks: Collection, positions: Positions, clock: Callable[[], float] = time.monotonic) -> None:
        self._blocks = blocks
        self._positions = positions
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        #: What was numbered lately, by stream and primary key, until a moment of the clock.
        self._recent: dict[str, tuple[float, dict[str, Ticket]]] = {}
        self._writing = asyncio.Lock()

    async def open(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Find out where the streams of endpoints, each given with its tenant, end."""
        unknown = {stream_of(*each): each for each in endpoints if not self._is_open(stream_of(*each))}
        if unknown:
            for name, end in (await self._ends(unknown)).items():
                # Somebody else here may have opened it meanwhile, and given out numbers.
                if not self._is_open(name):
                    stream = self._streams.setdefault(name, _Stream(*unknown[name], end + 1, self._clock()))
                    stream.next, stream.seen_at = max(stream.next, end + 1), self._clock()

    def number(self, key: DeliveryKey, event_id: str, body: str | None = None) -> Ticket:
        """Give a delivery the next number of its endpoint's stream, which is open."""
        stream = self._streams[stream_of(key.tenant, key.endpoint)]
        ticket = Ticket(key, event_id, stream.next, body)
        stream.next += 1
        stream.unwritten.append(ticket)
        return ticket

    def contended(self, key: DeliveryKey) -> bool:
        """True where a delivery's number has to be written before it is sent."""
        return self._clock() < self._streams[stream_of(key.tenant, key.endpoint)].contended_until

    async def write(self) -> None:
        """Return once every number that was given out is written, be it under another one."""
        async with self._writing:
            while pending := {stream.name: stream for stream in self._streams.values() if stream.unwritten}:
                blocks = [block_of(name, stream.unwritten[:LARGEST]) for name, stream in pending.items()]
                refused = {each.document["_id"] for each in await insert_new(self._blocks, blocks)}
                for block in blocks:
                    stream = pending[block["stream"]]
                    if block["_id"] in refused:
                        await self._refused(stream, block)
                    else:
                        self._written(stream, block["count"])
            await self._note_ends()

    async def read(self, tenant: str, endpoint: str, after: int, limit: int) -> list[Ticket]:
        """Return the deliveries behind the number `after`, in their order and without a gap. Raises `EventsGone` where
        the next one is there no more."""
        span = {"$gt": after - LARGEST, "$lte": after + limit}
        query: Document = {"stream": stream_of(tenant, endpoint), "first": span}
        blocks = await self._blocks.find(query).sort("first", ASCENDING).to_list(None)
        found = [each for block in blocks for each in tickets_of(block) if each.number > after][:limit]
        if found and found[0].number > after + 1:
            raise EventsGone(found[0].number)
        # What is deleted is deleted from the beginning on, but not all of it at once.
        return [each for place, each in enumerate(found, after + 1) if each.number == place]

    async def check_there(self, tenant: str, endpoint: str, after: int) -> None:
        """Raise `EventsGone` where there is nothing behind `after` because it was deleted."""
        end = await self.end(tenant, endpoint)
        if after < end:
            behind: Document = {"stream": stream_of(tenant, endpoint), "first": {"$gt": after}}
            found = await self._blocks.find(behind).sort("first", ASCENDING).limit(1).to_list(1)
            first = found[0]["first"] if found else end + 1
            # What was written since it was looked for is there.
            if first > after + 1:
                raise EventsGone(first)

    async def end(self, tenant: str, endpoint: str) -> int:
        """Return the last number that is written, 0 where there is none."""
        name = stream_of(tenant, endpoint)
        return (await self._ends([name]))[name]

    async def until_grown(self, tenant: str, endpoint: str, seconds: float) -> None:
        """Return when this process has written something into a stream, or the time is up."""
        await self.open([(tenant, endpoint)])
        try:
            async with asyncio.timeout(seconds):
                await self._streams[stream_of(tenant, endpoint)].grown.wait()
        except TimeoutError:
            pass

    async def name_behind(self, name: str) -> str | None:
        """Return the next stream in which there is something (tenant/endpoint), in the order of their names."""
        order = [("stream", ASCENDING), ("first", ASCENDING)]
        found = await self._blocks.find({"stream": {"$gt": name}}, {"stream": 1}).sort(order).limit(1).to_list(1)
        return found[0]["stream"] if found else None

    async def forget(self, name: str, before: float, *, limit: int) -> int:
        """Delete at most `limit` blocks from the beginning of a stream that were written before a Unix time and hold
        only older events; return how many they were."""
        fields = dict.fromkeys(("first", "count", "at", "newest"), 1)
        blocks = await self._blocks.find({"stream": name}, fields).sort("first", ASCENDING).limit(limit).to_list(limit)
        old = list(takewhile(lambda each: max(each["at"], each["newest"] / 1000) < before, blocks))
        if old:
            await self._positions.note_end(name, old[-1]["first"] + old[-1]["count"] - 1)
            await self._blocks.delete_many({"_id": {"$in": [each["_id"] for each in old]}})
        return len(old)

    async def forget_all(self, name: str, *, limit: int) -> int:
        """Delete at most `limit` blocks of a stream whose endpoint is no more, and what is known of it with the last of
        them; return how many they were."""
        blocks = await self._blocks.find({"stream": name}, {"_id": 1}).limit(limit).to_list(limit)
        await self._blocks.delete_many({"_id": {"$in": [each["_id"] for each in blocks]}})
        if len(blocks) < limit:
            await self._positions.forget(name)
            self._streams.pop(name, None)
        return len(blocks)

    async def recall(self, keys: Several[DeliveryKey]) -> dict[str, Ticket]:
        """Return the tickets of those deliveries that were numbered before this process began with their streams, which
        are open, by primary key."""
        found: dict[str, Ticket] = {}
        for key in keys:
            ticket = (await self._numbered_lately(stream_of(key.tenant, key.endpoint))).get(key.stored)
            if ticket is not None:
                found[key.stored] = ticket
        return found

    async def numbered(self, keys: Several[DeliveryKey]) -> dict[str, Ticket]:
        """Return the tickets of all of those deliveries of events that are in their streams, by primary key, however
        long ago. `recall` may miss some, which nobody minds where the deliveries themselves are kept."""
        earliest: dict[str, int] = {}
        for key in keys:
            name = stream_of(key.tenant, key.endpoint)
            earliest[name] = min(key.moment, earliest.get(name, key.moment))
        wanted = {key.stored for key in keys}
        # Taken before the store is asked: what is not written yet is here or there, whenever the answer comes.
        unwritten = [each for name in earliest if name in self._streams for each in self._streams[name].unwritten]
        found = {each.key.stored: each for each in unwritten if each.key.stored in wanted}
        for name, moment in earliest.items():
            # No event is in a block of which all are older.
            query: Document = {"stream": name, "newest": {"$gte": moment}}
            async for block in self._blocks.find(query):
                found |= {each.key.stored: each for each in tickets_of(block) if each.key.stored in wanted}
        return found

    async def replayed(self, tenant: str, endpoint: str, replay: str, after: int) -> dict[int, int]:
        """Return up to which offset of each partition a replay stands in a stream, behind the number `after`."""
        reached: dict[int, int] = {}
        query: Document = {"stream": stream_of(tenant, endpoint), "first": {"$gt": after - LARGEST}}
        async for block in self._blocks.find(query):
            for each in tickets_of(block):
                if each.key.origin.startswith(f"{replay}.") and (position := each.key.position) is not None:
                    reached[position[0]] = max(position[1], reached.get(position[0], -1))
        return reached

    def reassigned(self) -> None:
        """Look again at what others have numbered, since their work may be ours now."""
        self._recent.clear()

    def _is_open(self, name: str) -> bool:
        stream = self._streams.get(name)
        return stream is not None and (bool(stream.unwritten) or self._clock() < stream.seen_at + STALE)

    async def _ends(self, names: Iterable[str]) -> dict[str, int]:
        """Return the last number of each stream: behind the noted one, if there is a block that begins there."""
        found: dict[str, int] = {}
        noted: dict[str, int] = {}
        unknown = set(names)
        while unknown:
            before, noted = noted, await self._positions.ends(unknown)
            # What stood behind the note may be gone for its age, but not without another note.
            found |= {name: noted[name] for name in unknown if noted[name] == before.get(name)}
            unknown.difference_update(found)
            query: Document = {"_id": {"$in": [block_id(name, noted[name] + 1) for name in unknown]}}
            longer = [each["stream"] async for each in self._blocks.find(query, {"stream": 1})]
            ends = await together(*(self._last_behind(name, noted[name]) for name in longer))
            found |= {name: end for name, end in zip(longer, ends, strict=True) if end is not None}
            unknown.difference_update(found)
        return found

    async def _last_behind(self, name: str, number: int) -> int | None:
        query: Document = {"stream": name, "first": {"$gt": number}}
        last = await self._blocks.find(query).sort("first", DESCENDING).limit(1).to_list(1)
        return int(last[0]["first"] + last[0]["count"] - 1) if last else None

    async def _numbered_lately(self, name: str) -> dict[str, Ticket]:
        now = self._clock()
        if name not in self._recent or self._recent[name][0] < now:
            self._recent = {each: known for each, known in self._recent.items() if known[0] >= now}
            query: Document = {"stream": name, "first": {"$gt": self._streams[name].next - RECENT}}
            tickets = [ticket async for block in self._blocks.find(query) for ticket in tickets_of(block)]
            self._recent[name] = (now + REMEMBERED_SECONDS, {ticket.key.stored: ticket for ticket in tickets})
        return self._recent[name][1]

    async def _note_ends(self) -> None:
        for stream in [each for each in self._streams.values() if each.blocks_since_note >= NOTED]:
            end = stream.unwritten[0].number - 1 if stream.unwritten else stream.next - 1
            await self._positions.note_end(stream.name, end)
            stream.blocks_since_note = 0

    async def _refused(self, stream: _Stream, block: Document) -> None:
        present = await self._blocks.find_one({"_id": block["_id"]})
        if present is not None and orjson.loads(block["entries"])[: present["count"]] == orjson.loads(
            present["entries"]
        ):
            self._written(stream, present["count"])  # It is our own, of a write whose answer was lost.
            return
        stream.contended_until = self._clock() + CONTENDED_SECONDS
        end = await self.end(stream.tenant, stream.endpoint)
        taken = await self._taken(stream, block["first"])
        stream.next, unwritten = end + 1, []
        for ticket in stream.unwritten:
            known = taken.get(ticket.key.stored)
            if known is not None:
                ticket.number = known  # Whoever has our work by now has numbered it.
                continue
            ticket.number = stream.next
            stream.next += 1
            unwritten.append(ticket)
        stream.unwritten = unwritten

    async def _taken(self, stream: _Stream, first: int) -> dict[str, int]:
        """Return what others have written from a number on, by primary key."""
        query: Document = {"stream": stream.name, "first": {"$gte": first}}
        return {each.key.stored: each.number async for block in self._blocks.find(query) for each in tickets_of(block)}

    def _written(self, stream: _Stream, count: int) -> None:
        stream.seen_at = self._clock()
        del stream.unwritten[:count]
        stream.blocks_since_note += 1
        stream.grown.set()
        stream.grown = asyncio.Event()
