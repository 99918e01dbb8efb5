"""The wall between tenants: below the use cases, every read and write of a tenant's documents goes through here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edurelay.mongo import ASCENDING, DESCENDING, Collection, Document, Index

#: The field by which documents are listed: the moment of creation, then the id. One text sorts as the pair does, and
#: needs no `$or` to go on behind it.
PLACE = "place"

#: The index under which `TenantCollection.page` reads.
PAGE_INDEX = Index((("tenant", ASCENDING), (PLACE, DESCENDING)))

#: What any id that is kept here looks like; anything else cannot be one, and is not asked for.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_id(text: str) -> bool:
    """Tell whether this could be the id of something that is kept."""
    return _ID.fullmatch(text) is not None


def place(created_at: str, identifier: str) -> str:
    """Return where a document stands in lists."""
    return f"{created_at} {identifier}"


class TenantCollection:
    """One tenant's part of a collection: every filter names the tenant, and every new document carries it.

    The filters and updates that the stores pass in are built from checked values; a tenant's JSON is never one.
    """

    def __init__(self, collection: Collection, tenant: str) -> None:
        self._collection = collection
        self._tenant = tenant

    async def insert(self, document: Document) -> None:
        """Insert a new document, which has an `_id` and a `created_at`. Raises `DuplicateKeyError`."""
        stamped = {PLACE: place(document["created_at"], document["_id"]), "tenant": self._tenant}
        await self._collection.insert_one({**document, **stamped})

    async def find(self, identifier: str, guard: Mapping[str, Any] | None = None) -> Document | None:
        """Return one document, if it is the tenant's and fits `guard`."""
        return await self._collection.find_one(self._one(identifier, guard)) if is_id(identifier) else None

    async def update(self, identifier: str, update: Mapping[str, Any], guard: Mapping[str, Any] | None = None) -> bool:
        """Change one document, if it is the tenant's and fits `guard`; tell whether it was so."""
        if not is_id(identifier):
            return False
        return (await self._collection.update_one(self._one(identifier, guard), update)).matched_count == 1

    async def page(self, filters: Mapping[str, Any], *, limit: int, after: str | None) -> list[Document]:
        """Return up to `limit` documents, the newest first, beginning behind the place `after`."""
        bound: Document = {"tenant": self._tenant, **filters}
        if after is not None:
            bound[PLACE] = {"$lt": after}
        return await self._collection.find(bound).sort(PLACE, DESCENDING).limit(limit).to_list(limit)

    async def count(self, filters: Mapping[str, Any]) -> int:
        """Count the tenant's documents that fit `filters`."""
        return await self._collection.count_documents({"tenant": self._tenant, **filters})

    def _one(self, identifier: str, guard: Mapping[str, Any] | None) -> Document:
        return {"_id": identifier, **(guard or {}), "tenant": self._tenant}
