"""Blocks: the documents in which a stream is kept, each with some hundreds of its deliveries. Pure, but for the time.

A block tells its `first` number and the `count` of its `entries`, when it was written (`at`, a Unix time) and from when
its newest event is (`newest`, in milliseconds). Its primary key has stream and first number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from edurelay.mongo import Document
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.keys import DeliveryKey


@dataclass(slots=True, eq=False)
class Ticket:
    """The place of a delivery in its endpoint's stream. The number may change until it is written. `body` is what the
    log does not have: that of a test event which is only read."""

    key: DeliveryKey
    event_id: str
    number: int
    body: str | None = None

    @property
    def entry(self) -> list[Any]:
        """Return what a block keeps of it."""
        kept = [self.key.moment, self.key.origin, self.event_id]
        return kept if self.body is None else [*kept, self.body]


def stream_of(tenant: str, endpoint: str) -> str:
    """Return the name of an endpoint's stream."""
    return f"{tenant}/{endpoint}"


def block_id(stream: str, first: int) -> str:
    """Return the primary key of the block of a stream that begins with a number."""
    return f"{stream}/{first:015d}"


def block_of(stream: str, tickets: Sequence[Ticket]) -> Document:
    """Return a block of deliveries, which are numbered without a gap."""
    first = tickets[0].number
    return {
        "_id": block_id(stream, first),
        "stream": stream,
        "first": first,
        "count": len(tickets),
        "at": clock.now(),
        "newest": max(each.key.moment for each in tickets),
        "entries": orjson.dumps([each.entry for each in tickets]),
    }


def tickets_of(block: Document) -> list[Ticket]:
    """Return the deliveries of a block."""
    tenant, _, endpoint = block["stream"].partition("/")
    return [
        Ticket(DeliveryKey(tenant, endpoint, moment, origin), event_id, block["first"] + place, *body)
        for place, (moment, origin, event_id, *body) in enumerate(orjson.loads(block["entries"]))
    ]
