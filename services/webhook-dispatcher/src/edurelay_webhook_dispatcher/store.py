"""What the dispatcher keeps: one document a delivery, and an index of the events that were published.

An embedded store pays for every secondary index at every insert, so what is written for each event has none: primary
keys carry tenant, endpoint and time, and what has to be found in another way stands in a small collection beside it
(docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

from edurelay.mongo import ASCENDING, Collection, CollectionSpec, Database, Document, Index
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher.backlog import Backlog
from edurelay_webhook_dispatcher.index import EventIndex
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.ledgers import Ledgers
from edurelay_webhook_dispatcher.positions import Positions
from edurelay_webhook_dispatcher.streams import Streams

#: `_id` (see `keys.DeliveryKey.stored`), endpoint, event_id, type, subject (if any), sequence, status, attempts (see
#: `history`), updated; and only while it is open: due_at (pending only), body, reason, traceparent, forgiven, ids (a
#: connection, until the body has its ids). `redelivered_by` is the last redelivery that took it along, `forgotten_by`
#: the step of the retention that is deleting it. `parked` is a dead letter for which the later ones of its subject
#: wait, `skipped` one that somebody gave up.
DELIVERIES: Final = CollectionSpec("deliveries")

SKIPPED: Final = "skipped"

#: The open ones of them: see `backlog`.
BACKLOG: Final = CollectionSpec(
    "backlog",
    indexes=(
        Index((("endpoint", ASCENDING), ("due_at", ASCENDING))),
        Index((("mark", ASCENDING),), sparse=True),
        Index((("sample", ASCENDING),)),
        Index((("endpoint", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING))),
        Index((("chain", ASCENDING), ("number", ASCENDING)), sparse=True),
    ),
)

#: `_id` is an endpoint that has, or had, entries there.
QUEUES: Final = CollectionSpec("queues")

#: The events that were published, in blocks: see `index`.
EVENTS: Final = CollectionSpec("events")

#: `_id` is tenant and the id that the publisher chose; `key` is where the index has the event, and `block` in which of
#: its documents.
GIVEN_IDS: Final = CollectionSpec("given_ids")

_STILL_OPEN: Final = Index((("open", ASCENDING),), partial={"open": True})

#: `_id`, tenant, endpoint, since, until (milliseconds), event_types; `open` until all of it stands in `deliveries`.
REPLAYS: Final = CollectionSpec("replays", indexes=(_STILL_OPEN, Index((("tenant", ASCENDING),))))

#: See `redeliveries`. They can be followed for as long as deliveries are kept by default.
REDELIVERIES: Final = CollectionSpec(
    "redeliveries",
    indexes=(_STILL_OPEN, Index((("asked_at", ASCENDING),), expire_after_seconds=90 * 86_400)),
)

#: What was deleted, by endpoint: see `ledgers`.
LEDGERS: Final = CollectionSpec("ledgers")

#: `_id` is an endpoint at which nothing arrives, `since` a Unix time, `told` how many warnings were given.
FAILING: Final = CollectionSpec("failing")

#: The deliveries of each endpoint by number, in blocks: see `streams`.
STREAMS: Final = CollectionSpec(
    "streams",
    indexes=(
        Index((("stream", ASCENDING), ("first", ASCENDING))),
        Index((("stream", ASCENDING), ("newest", ASCENDING))),
    ),
)

#: `at` is a Unix time at which nothing was there yet, 0 where that is not known: see `retention`.
BEGINNING: Final = CollectionSpec("beginning")

#: See `positions`.
POSITIONS: Final = CollectionSpec("positions")

LEASES: Final = CollectionSpec("leases")

ALL: Final = (
    DELIVERIES,
    BACKLOG,
    QUEUES,
    EVENTS,
    GIVEN_IDS,
    REPLAYS,
    REDELIVERIES,
    LEDGERS,
    FAILING,
    STREAMS,
    BEGINNING,
    POSITIONS,
    LEASES,
)

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Store:
    """What is known of events and deliveries."""

    events: EventIndex
    deliveries: Collection
    backlog: Backlog
    streams: Streams
    positions: Positions
    replays: Collection
    ledgers: Ledgers
    beginning: Collection

    @classmethod
    def of(cls, database: Database) -> Self:
        """Return those of a database."""
        events = EventIndex(database[EVENTS], database[GIVEN_IDS])
        deliveries, backlog = database[DELIVERIES], Backlog(database[BACKLOG], database[QUEUES])
        ledgers = Ledgers(database[LEDGERS], deliveries, backlog)
        positions = Positions(database[POSITIONS])
        streams = Streams(database[STREAMS], positions)
        return cls(events, deliveries, backlog, streams, positions, database[REPLAYS], ledgers, database[BEGINNING])

    async def known(self, names: Sequence[str]) -> frozenset[str]:
        """Return those of the primary keys under which there is a delivery."""
        if not names:
            return frozenset()
        return frozenset([each["_id"] async for each in self.deliveries.find({"_id": {"$in": names}}, {"_id": 1})])

    async def add_numbers(self, documents: Sequence[Document]) -> list[int]:
        """Number deliveries that are only read, in their order, and return their numbers once they are written."""
        keys = [DeliveryKey.from_stored(each["_id"]) for each in documents]
        await self.streams.open({(key.tenant, key.endpoint) for key in keys})
        tickets = [
            self.streams.number(key, document["event_id"], None if key.position else document["body"].decode())
            for key, document in zip(keys, documents, strict=True)
        ]
        await self.streams.write()
        return [ticket.number for ticket in tickets]

    async def standing(self, names: Sequence[str]) -> dict[str, Document]:
        """Return where deliveries stand, by primary key: `status`, and `parked` where they are."""
        if not names:
            return {}
        shown = {"status": 1, "parked": 1}
        return {each["_id"]: each async for each in self.deliveries.find({"_id": {"$in": list(names)}}, shown)}

    async def add_pending(self, documents: Sequence[Document], chains: Mapping[str, str] = _NONE) -> None:
        """Number and write deliveries that are due, where they are not there yet; `chains` has those of the ones that
        keep an order, by primary key."""
        known = await self.known([document["_id"] for document in documents])
        fresh = {DeliveryKey.from_stored(each["_id"]): each for each in documents if each["_id"] not in known}
        await self.streams.open({(key.tenant, key.endpoint) for key in fresh})
        recalled = await self.streams.recall(fresh.keys())
        tickets = [
            recalled.get(key.stored) or self.streams.number(key, document["event_id"])
            for key, document in fresh.items()
        ]
        await self.streams.write()
        for ticket, document in zip(tickets, fresh.values(), strict=True):
            document["sequence"] = ticket.number
        await self.backlog.add({document["_id"]: document["due_at"] for document in fresh.values()}, chains)
        await insert_new(self.deliveries, list(fresh.values()))
