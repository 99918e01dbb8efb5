"""What one tenant may read. Every key and every filter carries the tenant, put there here and nowhere above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edurelay.mongo import ASCENDING, Database, Document
from edurelay_mapping import store
from edurelay_mapping.connections import Connections
from edurelay_mapping.documents import NO_ENTITY
from edurelay_mapping.identity import KINDS, Identity, document_key, key_range
from edurelay_mapping.lookup import find_by_keys

#: Reservations of assigned ids stand among the documents; only documents have a version.
_MAPPINGS: Mapping[str, Any] = {"version": {"$gte": NO_ENTITY}}
_ENTITIES: Mapping[str, Any] = {"version": {"$gt": NO_ENTITY}}

#: Both ids of a document, and where it stands if this is but the reservation of an id.
_NAMES = {"internal_id": 1, "external_id": 1, "home": 1}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which mappings are asked for; what is None does not matter."""

    connection_id: str | None = None
    entity_type: str | None = None
    external_id: str | None = None
    internal_id: str | None = None


class Repository:
    """The documents, outcomes and rejected records of one tenant."""

    def __init__(self, database: Database, connections: Connections, tenant: str) -> None:
        self._entities = database[store.ENTITIES]
        self._outcomes = database[store.OUTCOMES]
        self._rejected = database[store.REJECTED]
        self._connections = connections
        self._tenant = tenant

    @property
    def tenant(self) -> str:
        """Whose it all is."""
        return self._tenant

    async def mappings(self, wanted: Wanted, limit: int, after: str | None) -> list[Document]:
        """Return the mappings that are asked for behind the key `after`, in the order of their keys."""
        if wanted.external_id is None and wanted.internal_id is None:
            return await self._list(wanted, _MAPPINGS, limit, after)
        found = await self._find(wanted)
        return [document for document in found if after is None or document["_id"] > after][:limit]

    async def count(self, wanted: Wanted) -> int:
        """Return how many mappings a connection, or the tenant, has of one kind or of all."""
        total = 0
        for low, high in await self._ranges(wanted):
            total += await self._entities.count_documents(self._bound({"_id": {"$gte": low, "$lt": high}, **_MAPPINGS}))
        return total

    async def entities(self, wanted: Wanted, limit: int, after: str | None) -> list[Document]:
        """Return the entities of one kind behind the key `after`, in the order of their keys."""
        return await self._list(wanted, _ENTITIES, limit, after)

    async def entity(self, wanted: Wanted) -> Document | None:
        """Return the entity with an inside id. Where several connections share the id, it is what came last."""
        found = [document for document in await self._find(wanted) if document["version"] > NO_ENTITY]
        return max(found, key=lambda document: str(document["changed_at"]), default=None)

    async def external_ids(self, connection_id: str, wanted: Sequence[tuple[str, str]]) -> list[str | None]:
        """Return what a connection's provider calls what has these inside ids, each of a kind of entity; None for what
        it does not have."""
        keys = [document_key(self._tenant, connection_id, kind, inside_id) for kind, inside_id in wanted]
        found = await find_by_keys(self._entities, keys, _NAMES)
        homes = {key: document["home"] for key, document in found.items() if "home" in document}
        found |= await find_by_keys(self._entities, list(homes.values()), _NAMES)
        documents = [found.get(homes.get(key, key), {}) for key in keys]
        return [
            document.get("external_id") if document.get("internal_id") == inside_id else None
            for document, (_, inside_id) in zip(documents, wanted, strict=True)
        ]

    async def outcome_sums(self, run_id: str) -> dict[str, Document]:
        """Return, for each stream of a run, the sums over all batches with an outcome."""
        names = ("source", "created", "updated", "unchanged", "rejected")
        answer = self._outcomes.aggregate(
            [
                {"$match": self._bound({"run_id": run_id})},
                {"$group": {"_id": "$stream", **{name: {"$sum": f"${name}"} for name in names}}},
            ]
        )
        return {sums.pop("_id"): sums for sums in await answer.to_list(None)}

    async def count_outcomes(self, run_id: str, epoch: int, through: int) -> int:
        """Return how many of the batches 1 to `through` of one epoch of a run have an outcome."""
        return await self._outcomes.count_documents(
            self._bound({"run_id": run_id, "epoch": epoch, "sequence": {"$gte": 1, "$lte": through}})
        )

    async def rejected(self, run_id: str, limit: int, after: str | None) -> list[Document]:
        """Return records that a run rejected, behind the id `after`."""
        where = self._bound({"run_id": run_id, **({} if after is None else {"_id": {"$gt": after}})})
        return await self._rejected.find(where).sort("_id", ASCENDING).limit(limit).to_list(limit)

    async def resolve(self, run_id: str, ids: Sequence[str], by_run: str) -> None:
        """Mark records that a run rejected as tried again by another run."""
        where = self._bound({"run_id": run_id, "_id": {"$in": list(ids)}})
        await self._rejected.update_many(where, {"$set": {"reprocessed_by": by_run}})

    def _bound(self, where: Mapping[str, Any]) -> dict[str, Any]:
        return {**where, "tenant": self._tenant}

    async def _list(self, wanted: Wanted, further: Mapping[str, Any], limit: int, after: str | None) -> list[Document]:
        documents: list[Document] = []
        for low, high in await self._ranges(wanted):
            if after is not None and after >= high:
                continue
            key = {"$gte": low, "$lt": high} if after is None or after < low else {"$gt": after, "$lt": high}
            found = self._entities.find(self._bound({"_id": key, **further})).sort("_id", ASCENDING)
            documents += await found.limit(limit - len(documents)).to_list(None)
            if len(documents) == limit:
                break
        return documents

    async def _find(self, wanted: Wanted) -> list[Document]:
        """Return the mappings with an external id, or with an internal id, in the order of their keys."""
        keys = [
            Identity(self._tenant, connection, kind, wanted.external_id).home
            if wanted.external_id is not None
            else document_key(self._tenant, connection, kind, wanted.internal_id or "")
            for connection in await self._connections_of(wanted)
            for kind in _kinds(wanted)
        ]
        found = await find_by_keys(self._entities, keys)
        homes = [document["home"] for document in found.values() if "home" in document]
        found |= await find_by_keys(self._entities, homes)
        return [
            document
            for _, document in sorted(found.items())
            if document["tenant"] == self._tenant
            and "version" in document
            and wanted.internal_id in (None, document["internal_id"])
        ]

    async def _connections_of(self, wanted: Wanted) -> list[str]:
        return [wanted.connection_id] if wanted.connection_id is not None else await self._connections.of(self._tenant)

    async def _ranges(self, wanted: Wanted) -> list[tuple[str, str]]:
        connections = await self._connections_of(wanted)
        kinds: list[str | None] = [None] if wanted.entity_type is None else [wanted.entity_type]
        return [key_range(self._tenant, connection, kind) for connection in connections for kind in kinds]


def _kinds(wanted: Wanted) -> list[str]:
    return list(KINDS) if wanted.entity_type is None else [wanted.entity_type]
