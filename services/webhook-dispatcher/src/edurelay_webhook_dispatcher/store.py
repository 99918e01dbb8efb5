"""What the dispatcher keeps: one document a delivery, and an index of the events that were published.

An embedded store pays for every secondary index at every insert, so what is written for each event has none: primary
keys carry tenant, endpoint and time, and what has to be found in another way stands in a small collection beside it
(docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from edurelay.mongo import ASCENDING, Collection, CollectionSpec, Database, Document, Index
from edurelay.mongo.writes import insert_new
from edurelay_webhook_dispatcher.backlog import Backlog

#: `_id` (see `keys.DeliveryKey.stored`), endpoint, event_id, type, status, attempts, updated; and only while it is
#: open: due_at (pending only), body, reason, traceparent, forgiven.
DELIVERIES: Final = CollectionSpec("deliveries")

#: The open ones of them: see `backlog`.
BACKLOG: Final = CollectionSpec(
    "backlog",
    indexes=(
        Index((("due_at", ASCENDING),), sparse=True),
        Index((("endpoint", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING))),
    ),
)

#: `_id` is tenant and `event_key`; type, subject, time, source; where it stands in the log: partition, offset,
#: moment; `to`: the endpoints that it matched; `given_id` where the publisher chose the id.
EVENTS: Final = CollectionSpec("events")

#: `_id` is tenant and the id that the publisher chose; `event` is the primary key of the event.
GIVEN_IDS: Final = CollectionSpec("given_ids")

#: `_id`, tenant, endpoint, since, until (milliseconds), event_types; `open` until all of it stands in `deliveries`.
REPLAYS: Final = CollectionSpec("replays", indexes=(Index((("open", ASCENDING),), partial={"open": True}),))

LEASES: Final = CollectionSpec("leases")

ALL: Final = (DELIVERIES, BACKLOG, EVENTS, GIVEN_IDS, REPLAYS, LEASES)


@dataclass(frozen=True)
class Store:
    """The collections of events and deliveries."""

    events: Collection
    given_ids: Collection
    deliveries: Collection
    backlog: Backlog

    @classmethod
    def of(cls, database: Database) -> Self:
        """Return those of a database."""
        return cls(database[EVENTS], database[GIVEN_IDS], database[DELIVERIES], Backlog(database[BACKLOG]))

    async def add_events(self, entries: Sequence[Document]) -> None:
        """Write entries into the index of events, where they are not there yet."""
        await insert_new(self.events, entries)
        given = [
            {"_id": given_key(entry["tenant"], entry["given_id"]), "event": entry["_id"]}
            for entry in entries
            if "given_id" in entry
        ]
        await insert_new(self.given_ids, given)

    async def add_pending(self, documents: Sequence[Document]) -> None:
        """Write deliveries that are due, where they are not there yet."""
        await self.backlog.add({document["_id"]: document["due_at"] for document in documents})
        await insert_new(self.deliveries, documents)


def given_key(tenant: str, given_id: str) -> str:
    """Return the primary key of an id that a publisher chose."""
    return f"{tenant}/{given_id}"
