"""Leases: one holder at a time for a name, until it ends the lease or stops renewing it.

A lease alone cannot stop a holder that was paused for longer than its lease and goes on unaware. So each lease carries
an `epoch`, which grows with every acquisition: what the holder writes has to name its epoch, and whoever takes the
write refuses one lower than it has seen. All times are measured by the database's clock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from edurelay.mongo import moments
from edurelay.mongo.collections import Collection, Document


@dataclass(frozen=True, slots=True)
class Lease:
    """What one holder was given: the fencing token is (`name`, `epoch`)."""

    name: str
    holder: str
    epoch: int


class Leases:
    """Leases in one collection, one document for each name ever leased.

    Any method may raise one of `StoreUnavailable`; an acquisition whose answer got lost ends by itself in time.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take the lease for `seconds`, or return None where it is held, be it by the same holder."""
        known = await self._collection.find_one({"_id": name}, {"epoch": 1}) or await self._lay_down(name)
        lease = Lease(name, holder, known["epoch"] + 1)
        result = await self._collection.update_one(
            {"_id": name, "epoch": known["epoch"]},
            [
                {
                    "$set": {
                        "holder": _if_free({"$literal": holder}, "$holder"),
                        "epoch": _if_free(lease.epoch, "$epoch"),
                        "expires": _if_free(moments.later(seconds), "$expires"),
                    }
                }
            ],
        )
        return lease if result.modified_count == 1 else None

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """Hold the lease for `seconds` from now. Returns False where it was released, or somebody else has had it
        since; a lease that ran out unnoticed by all others is still the holder's."""
        result = await self._collection.update_one(_held_as(lease), [{"$set": {"expires": moments.later(seconds)}}])
        return result.matched_count == 1

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still this one's."""
        await self._collection.update_one(_held_as(lease), {"$set": {"holder": None, "expires": 0}})

    async def _lay_down(self, name: str) -> Document:
        """Write the document of a name that was never leased; somebody else may do the same at this moment."""
        document: Document = {"_id": name, "holder": None, "epoch": 0, "expires": 0}
        with suppress(DuplicateKeyError):
            await self._collection.insert_one(document)
        return document


def _if_free(value: Any, otherwise: str) -> Document:
    return {"$cond": [moments.has_passed("expires"), value, otherwise]}


def _held_as(lease: Lease) -> Document:
    return {"_id": lease.name, "holder": lease.holder, "epoch": lease.epoch}
