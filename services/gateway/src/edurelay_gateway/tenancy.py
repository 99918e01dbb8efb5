"""The wall between tenants: below the use cases, every read and write of a tenant's documents goes through here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edurelay.mongo import DESCENDING, Collection, Document, ReturnDocument

#: Behind which document a page begins: its moment of creation and its id.
After = tuple[str, str]

#: The index under which `TenantCollection.page` reads.
PAGE_INDEX = (("tenant", 1), ("created_at", DESCENDING), ("_id", DESCENDING))

#: What any id that is kept here looks like; anything else cannot be one, and is not asked for.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class TenantCollection:
    """One tenant's part of a collection: every filter names the tenant, and every new document carries it.

    The filters and updates that the stores pass in are built from checked values; a tenant's JSON is never one.
    """

    def __init__(self, collection: Collection, tenant: str) -> None:
        self._collection = collection
        self.tenant = tenant

    async def insert(self, document: Document) -> None:
        """Insert a new document. Raises `DuplicateKeyError`."""
        await self._collection.insert_one({**document, "tenant": self.tenant})

    async def find(self, document_id: str, guard: Mapping[str, Any] | None = None) -> Document | None:
        """Return one document, if it is the tenant's and fits `guard`."""
        if not _ID.fullmatch(document_id):
            return None
        return await self._collection.find_one(self._bound({"_id": document_id, **(guard or {})}))

    async def update(
        self, document_id: str, update: Mapping[str, Any], guard: Mapping[str, Any] | None = None
    ) -> Document | None:
        """Change one document, if it is the tenant's and fits `guard`; return it as it is then."""
        if not _ID.fullmatch(document_id):
            return None
        return await self._collection.find_one_and_update(
            self._bound({"_id": document_id, **(guard or {})}), update, return_document=ReturnDocument.AFTER
        )

    async def page(self, filters: Mapping[str, Any], *, limit: int, after: After | None) -> list[Document]:
        """Return up to `limit` documents, the newest first, beginning behind `after`."""
        bound = self._bound(filters)
        if after is not None:
            moment, document_id = after
            bound["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": document_id}}]
        cursor = self._collection.find(bound).sort([("created_at", DESCENDING), ("_id", DESCENDING)])
        return await cursor.limit(limit).to_list(limit)

    async def count(self, filters: Mapping[str, Any]) -> int:
        """Count the tenant's documents that fit `filters`."""
        return await self._collection.count_documents(self._bound(filters))

    def _bound(self, filters: Mapping[str, Any]) -> Document:
        return {**filters, "tenant": self.tenant}
