"""Which connections have documents: what a list over all connections of a tenant goes through."""

from __future__ import annotations

from edurelay.mongo import Database
from edurelay.mongo.writes import insert_new
from edurelay_mapping import store

#: How many connections are remembered as known before the memory starts afresh.
REMEMBERED = 10_000


class Connections:
    """Keeps the connections of each tenant."""

    def __init__(self, database: Database) -> None:
        self._collection = database[store.CONNECTIONS]
        self._known: set[str] = set()

    async def remember(self, places: set[tuple[str, str]]) -> None:
        """Keep these connections, each a tenant and an id. Comes before the first document of a connection."""
        new = {f"{tenant}/{connection}": (tenant, connection) for tenant, connection in places}
        new = {key: place for key, place in new.items() if key not in self._known}
        if not new:
            return
        await insert_new(
            self._collection,
            [{"_id": key, "tenant": tenant, "connection_id": connection} for key, (tenant, connection) in new.items()],
        )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known.update(new)

    async def of(self, tenant: str) -> list[str]:
        """Return the ids of a tenant's connections, sorted."""
        found = await self._collection.find({"tenant": tenant}, {"connection_id": 1}).to_list(None)
        return sorted(document["connection_id"] for document in found)
