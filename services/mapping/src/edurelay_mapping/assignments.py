"""Inside ids that somebody chose, instead of the one that follows from the record's identity.

A chosen id is reserved by a document under the key that it would have as a derived id: so it is one to one, whoever
comes first. It is also listed by the record's own key, so that references to the record find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edurelay.mongo import Database, Document
from edurelay.mongo.writes import insert_new
from edurelay.runtime.together import together
from edurelay_mapping import store
from edurelay_mapping.documents import new_mapping
from edurelay_mapping.identity import Identity, Place, document_key
from edurelay_mapping.lookup import find_by_keys
from edurelay_mapping.references import keys_named_by


class MappingConflict(Exception):
    """The external id or the internal id is mapped already; `field` says which of them."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is mapped already")
        self.field = field


class Assignments:
    """Makes and finds assignments."""

    def __init__(self, database: Database) -> None:
        self._entities = database[store.ENTITIES]
        self._assigned = database[store.ASSIGNED]

    async def among(self, records: Sequence[tuple[Place, Mapping[str, Mapping[str, Any]]]]) -> Mapping[str, str]:
        """Return the assigned ids of records, and of those that they refer to, by the keys of their documents.

        The records are their attributes by outside id. Usually nothing was ever assigned in their connection, and
        then that is all that is asked.
        """
        connections = sorted({(tenant, connection) for (tenant, connection, _), _ in records})
        answers = await together(*(self._any(*connection) for connection in connections))
        concerned = {connection for connection, has_any in zip(connections, answers, strict=True) if has_any}
        keys = {key for place, some in records if place[:2] in concerned for key in keys_named_by(place, some)}
        found = await find_by_keys(self._assigned, sorted(keys))
        return {key: document["internal_id"] for key, document in found.items()}

    async def assign(self, identity: Identity, inside_id: str, metadata: Document, moment: str) -> Document:
        """Map a record to a chosen inside id before the record was seen, and return the mapping's document.

        Raises `MappingConflict`. Repeated after a crash between any two steps, it ends what was begun.
        """
        if await self._entities.find_one({"_id": identity.home}, {"_id": 1}) is not None:
            raise MappingConflict("external_id")
        if inside_id != identity.derived_id:
            await self._reserve(identity, inside_id)
            await self._enlist(identity, inside_id)
        document = new_mapping(identity, inside_id, moment, metadata)
        if not await insert_new(self._entities, [document]):
            return document
        # Somebody was faster: another call for the same, or a record, which may have come before the listing.
        present = await self._entities.find_one({"_id": identity.home})
        if present is not None and present.get("internal_id") == inside_id:
            return present
        await self._withdraw(identity, inside_id)
        raise MappingConflict("external_id")

    async def _any(self, tenant: str, connection: str) -> bool:
        found = await self._assigned.find_one({"tenant": tenant, "connection_id": connection}, {"_id": 1})
        return found is not None

    async def _reserve(self, identity: Identity, inside_id: str) -> None:
        reservation = {
            "_id": document_key(identity.tenant, identity.connection_id, identity.entity_type, inside_id),
            "tenant": identity.tenant,
            "home": identity.home,
        }
        for duplicate in await insert_new(self._entities, [reservation]):
            present = await self._entities.find_one({"_id": duplicate.document["_id"]}, {"home": 1})
            if present is None or present.get("home") != identity.home:
                raise MappingConflict("internal_id")

    async def _enlist(self, identity: Identity, inside_id: str) -> None:
        row = {
            "_id": identity.home,
            "tenant": identity.tenant,
            "connection_id": identity.connection_id,
            "internal_id": inside_id,
        }
        if await insert_new(self._assigned, [row]):
            present = await self._assigned.find_one({"_id": identity.home})
            if present is None or present["internal_id"] != inside_id:
                await self._withdraw(identity, inside_id)
                raise MappingConflict("external_id")

    async def _withdraw(self, identity: Identity, inside_id: str) -> None:
        key = document_key(identity.tenant, identity.connection_id, identity.entity_type, inside_id)
        await self._assigned.delete_one({"_id": identity.home, "internal_id": inside_id})
        await self._entities.delete_one({"_id": key, "home": identity.home})
