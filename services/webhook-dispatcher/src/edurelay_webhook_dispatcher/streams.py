"""The stream of an endpoint: its deliveries, numbered from 1 without a gap in the order in which they were matched.

By the numbers a receiver sees that something is missing, and asks for it; and one that takes no webhooks reads the
stream instead. It is written in blocks. The name of a block holds its first number, so of two dispatchers that would
write the same numbers one is refused, and numbers its deliveries anew behind the other's.

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

import orjson

from edurelay.mongo import ASCENDING, DESCENDING, Collection, Document
from edurelay.mongo.writes import insert_new
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How many deliveries a block has at most.
LARGEST = 500
#: For how long numbers are written before they are sent, after two dispatchers have given out the same, in seconds.
CONTENDED_SECONDS = 60.0
#: How far back a delivery that may have been numbered before a crash is looked for: more than can be under way.
RECENT = 4_000
#: After how many blocks it is noted how far a stream goes, so that its end is found without a look at all of it.
NOTED = 50
#: For how long it is remembered what was numbered lately, in seconds: until what was under way has been met again.
REMEMBERED_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Ticket:
    """The place of a delivery in its endpoint's stream. The number may change until it is written."""

    key: DeliveryKey
    event_id: str
    number: int


@dataclass(slots=True)
class _Stream:
    tenant: str
    endpoint: str
    next: int
    unwritten: list[Ticket] = field(default_factory=list)
    contended_until: float = 0.0
    blocks_since_note: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return _name(self.tenant, self.endpoint)

    def block(self) -> Document:
        tickets = self.unwritten[:LARGEST]
        first = tickets[0].number
        return {
            "_id": f"{self.name}/{first:015d}",
            "stream": self.name,
            "first": first,
            "count": len(tickets),
            "entries": orjson.dumps([[each.key.moment, each.key.origin, each.event_id] for each in tickets]),
        }


class Streams:
    """The streams of all endpoints. What is `number`ed has to be `open`ed before and written by `write`."""

    def __init__(self, blocks: Collection, clock: Callable[[], float] = time.monotonic) -> None:
        self._blocks = blocks
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        #: What was numbered lately, by stream and primary key, until a moment of the clock.
        self._recent: dict[str, tuple[float, dict[str, Ticket]]] = {}
        self._writing = asyncio.Lock()

    async def open(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Find out where the streams of endpoints, each given with its tenant, end."""
        unknown = {each for each in endpoints if _name(*each) not in self._streams}
        if unknown:
            ends = await together(*(self._end(_name(*each)) for each in unknown))
            for (tenant, endpoint), end in zip(unknown, ends, strict=True):
                self._streams.setdefault(_name(tenant, endpoint), _Stream(tenant, endpoint, end + 1))

    def number(self, key: DeliveryKey, event_id: str) -> Ticket:
        """Give a delivery the next number of its endpoint's stream, which is open."""
        stream = self._streams[_name(key.tenant, key.endpoint)]
        ticket = Ticket(key, event_id, stream.next)
        stream.next += 1
        stream.unwritten.append(ticket)
        return ticket

    def contended(self, key: DeliveryKey) -> bool:
        """True where a delivery's number has to be written before it is sent."""
        return self._clock() < self._streams[_name(key.tenant, key.endpoint)].contended_until

    async def write(self) -> None:
        """Return once every number that was given out is written, be it under another one."""
        async with self._writing:
            while pending := {stream.name: stream for stream in self._streams.values() if stream.unwritten}:
                blocks = [stream.block() for stream in pending.values()]
                refused = {each.document["_id"] for each in await insert_new(self._blocks, blocks)}
                for block in blocks:
                    stream = pending[block["stream"]]
                    if block["_id"] in refused:
                        await self._refused(stream, block)
                    else:
                        self._written(stream, block["count"])
            await self._note_ends()

    async def read(self, tenant: str, endpoint: str, after: int, limit: int) -> list[Ticket]:
        """Return the deliveries behind the number `after`, in their order."""
        span = {"$gt": after - LARGEST, "$lte": after + limit}
        query: Document = {"stream": _name(tenant, endpoint), "first": span}
        blocks = await self._blocks.find(query).sort("first", ASCENDING).to_list(None)
        found = [ticket for block in blocks for ticket in _tickets(block)]
        return [ticket for ticket in found if ticket.number > after][:limit]

    async def until_grown(self, tenant: str, endpoint: str, seconds: float) -> None:
        """Return when this process has written something into a stream, or the time is up."""
        await self.open([(tenant, endpoint)])
        try:
            async with asyncio.timeout(seconds):
                await self._streams[_name(tenant, endpoint)].grown.wait()
        except TimeoutError:
            pass

    async def recall(self, keys: Several[DeliveryKey]) -> dict[str, Ticket]:
        """Return the tickets of those deliveries that were numbered before this process began with their streams, which
        are open, by primary key."""
        found: dict[str, Ticket] = {}
        for key in keys:
            ticket = (await self._numbered_lately(_name(key.tenant, key.endpoint))).get(key.stored)
            if ticket is not None:
                found[key.stored] = ticket
        return found

    def reassigned(self) -> None:
        """Look again at what others have numbered, since their work may be ours now."""
        self._recent.clear()

    async def _numbered_lately(self, name: str) -> dict[str, Ticket]:
        now = self._clock()
        if name not in self._recent or self._recent[name][0] < now:
            self._recent = {each: known for each, known in self._recent.items() if known[0] >= now}
            query: Document = {"stream": name, "first": {"$gt": self._streams[name].next - RECENT}}
            tickets = [ticket async for block in self._blocks.find(query) for ticket in _tickets(block)]
            self._recent[name] = (now + REMEMBERED_SECONDS, {ticket.key.stored: ticket for ticket in tickets})
        return self._recent[name][1]

    async def _end(self, name: str) -> int:
        noted = await self._blocks.find_one({"_id": f"{name}/end"})
        end: int = noted["end"] if noted is not None else 0
        query: Document = {"stream": name, "first": {"$gt": end}}
        last = await self._blocks.find(query).sort("first", DESCENDING).limit(1).to_list(1)
        return last[0]["first"] + last[0]["count"] - 1 if last else end

    async def _note_ends(self) -> None:
        for stream in [each for each in self._streams.values() if each.blocks_since_note >= NOTED]:
            end = stream.unwritten[0].number - 1 if stream.unwritten else stream.next - 1
            await self._blocks.update_one({"_id": f"{stream.name}/end"}, {"$max": {"end": end}}, upsert=True)
            stream.blocks_since_note = 0

    async def _refused(self, stream: _Stream, block: Document) -> None:
        present = await self._blocks.find_one({"_id": block["_id"]})
        if present is not None and orjson.loads(block["entries"])[: present["count"]] == orjson.loads(
            present["entries"]
        ):
            self._written(stream, present["count"])  # It is our own, of a write whose answer was lost.
            return
        stream.contended_until = self._clock() + CONTENDED_SECONDS
        stream.next = await self._end(stream.name) + 1
        for ticket in stream.unwritten:
            ticket.number = stream.next
            stream.next += 1

    @staticmethod
    def _written(stream: _Stream, count: int) -> None:
        del stream.unwritten[:count]
        stream.blocks_since_note += 1
        stream.grown.set()
        stream.grown = asyncio.Event()


def _name(tenant: str, endpoint: str) -> str:
    return f"{tenant}/{endpoint}"


def _tickets(block: Document) -> list[Ticket]:
    tenant, _, endpoint = block["stream"].partition("/")
    return [
        Ticket(DeliveryKey(tenant, endpoint, moment, origin), event_id, block["first"] + place)
        for place, (moment, origin, event_id) in enumerate(orjson.loads(block["entries"]))
    ]
