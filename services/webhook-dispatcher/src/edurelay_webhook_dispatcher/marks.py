"""What an entry of the backlog has beside its due time, so that few entries have to be read to find the first of many.

The embedded store reads all that a filter matches, whatever the limit. So of about every 32nd entry there is a mark in
a sparse index, of every 1,024th a higher one and of every 32,768th a higher one yet, as in a skip list (Pugh 1990). The
same ranks tell how many entries there are, without a look at each. Pure.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: The highest rank of a mark; of `SPACING` entries that have a rank at least, one has a higher one.
HIGHEST: Final = 3
SPACING: Final = 32


def rank(stored: str) -> int:
    """Return the rank of an entry, by its primary key."""
    number, found = crc32(stored.encode()), 0
    while found < HIGHEST and number % SPACING == 0:
        number, found = number // SPACING, found + 1
    return found


def pending(stored: str, due_at: float) -> Document:
    """Return the fields that a pending entry has for its due time, a Unix time. Most that are due together have the
    same ones."""
    status, own = DeliveryStatus.PENDING, rank(stored)
    fields: Document = {"status": status.value, "due_at": due_at, "sample": sample(status, own)}
    return fields | {"mark": _mark(DeliveryKey.from_stored(stored).endpoint, own, due_at)} if own else fields


def dead(stored: str) -> Document:
    """The same for a dead letter."""
    status = DeliveryStatus.DEAD_LETTERED
    return {"status": status.value, "sample": sample(status, rank(stored))}


def between(endpoint: str, rank: int, until: float | None) -> Document:
    """Return the query for the marks of an endpoint and a rank, up to a due time; None: all of them."""
    behind: Document = {"$lt": f"{endpoint}/{rank}0"} if until is None else {"$lte": _mark(endpoint, rank, until)}
    return {"mark": {"$gt": _mark(endpoint, rank, 0.0), **behind}}


def sample(status: DeliveryStatus, rank: int) -> str:
    """Return what the entries of a status and a rank are counted by."""
    return f"{status.value}/{rank}"


def _mark(endpoint: str, rank: int, due_at: float) -> str:
    return f"{endpoint}/{rank}/{due_at:017.6f}"
