"""How far the stream of each endpoint goes, and up to where its reader says that it has handled it.

The end is noted from time to time, and before blocks of the stream are deleted: it is never more than what is written,
and never less than what was deleted.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass

from edurelay.mongo import Collection
from edurelay.mongo.writes import insert_new


@dataclass(frozen=True, slots=True)
class Position:
    """`end` is a number that the stream has reached, `committed` the last one that was handled; 0 stands for none."""

    end: int = 0
    committed: int = 0


class Positions:
    """One document for each stream of which something is known: `_id` (tenant/endpoint), `end`, `committed`, and
    `missing_since` (a Unix time) while its endpoint is not known."""

    def __init__(self, positions: Collection) -> None:
        self._positions = positions

    async def of(self, name: str) -> Position:
        """Return what is known of a stream."""
        found = await self._positions.find_one({"_id": name}) or {}
        return Position(found.get("end", 0), found.get("committed", 0))

    async def ends(self, names: Several[str]) -> dict[str, int]:
        """Return how far streams go, as far as it is noted; 0 where nothing is."""
        found = {each["_id"]: each async for each in self._positions.find({"_id": {"$in": list(names)}}, {"end": 1})}
        return {name: found.get(name, {}).get("end", 0) for name in names}

    async def note_end(self, name: str, end: int) -> None:
        """Keep that a stream goes as far as `end`, at least."""
        await self._positions.update_one({"_id": name}, {"$max": {"end": end}}, upsert=True)

    async def commit(self, name: str, number: int) -> int:
        """Keep up to where a stream was handled, be it less than before; return what it was before."""
        while True:
            found = await self._positions.find_one({"_id": name})
            if found is None:
                if not await insert_new(self._positions, [{"_id": name, "committed": number}]):
                    return 0
                continue
            before: int | None = found.get("committed")
            changed = await self._positions.update_one(
                {"_id": name, "committed": before}, {"$set": {"committed": number}}
            )
            if changed.matched_count:
                return before or 0

    async def names(self) -> list[str]:
        """Return the streams of which something is known."""
        return [each["_id"] async for each in self._positions.find({}, {"_id": 1})]

    async def missing_since(self, name: str, now: float) -> float:
        """Return the Unix time at which a stream was first seen without its endpoint: `now` unless it was before."""
        await self._positions.update_one({"_id": name}, {"$min": {"missing_since": now}}, upsert=True)
        found = await self._positions.find_one({"_id": name}) or {}
        return float(found.get("missing_since", now))

    async def there(self, name: str) -> None:
        """Take note that a stream has its endpoint, be it again."""
        await self._positions.update_one(
            {"_id": name, "missing_since": {"$exists": True}}, {"$unset": {"missing_since": ""}}
        )

    async def forget(self, name: str) -> None:
        """Delete what is known of a stream that is no more."""
        await self._positions.delete_one({"_id": name})
