"""Where tenants and the hashes of their keys are kept."""

from __future__ import annotations

from dataclasses import dataclass

from edurelay.mongo import DESCENDING, CollectionSpec, Database, Document, Index
from edurelay_gateway.tenancy import PLACE, is_id, place

TENANTS = CollectionSpec("tenants", (Index(((PLACE, DESCENDING),)),))
API_KEYS = CollectionSpec("api_keys", (Index((("tenant", 1), ("created_at", 1))),))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key: whose it is, and the hash of its secret."""

    short_id: str
    tenant: str
    name: str
    hash: str
    created_at: str


class TenantStore:
    """Reads and writes tenants and keys. It stands above the wall between tenants: only the administration and
    authentication use it."""

    def __init__(self, database: Database) -> None:
        self._tenants = database[TENANTS]
        self._keys = database[API_KEYS]

    async def insert_tenant(self, document: Document) -> None:
        """Insert a new tenant."""
        await self._tenants.insert_one({**document, PLACE: place(document["created_at"], document["_id"])})

    async def find_tenant(self, tenant: str) -> Document | None:
        """Return a tenant."""
        return await self._tenants.find_one({"_id": tenant}) if is_id(tenant) else None

    async def tenants(self, *, limit: int, after: str | None) -> list[Document]:
        """Return up to `limit` tenants, the newest first, beginning behind the place `after`."""
        filters: Document = {PLACE: {"$lt": after}} if after is not None else {}
        return await self._tenants.find(filters).sort(PLACE, DESCENDING).limit(limit).to_list(limit)

    async def insert_key(self, key: StoredKey) -> None:
        """Insert a new key. Raises `DuplicateKeyError` where its short id is taken."""
        await self._keys.insert_one(
            {
                "_id": key.short_id,
                "tenant": key.tenant,
                "name": key.name,
                "hash": key.hash,
                "created_at": key.created_at,
            }
        )

    async def find_key(self, short_id: str) -> StoredKey | None:
        """Return a key by its short id."""
        found = await self._keys.find_one({"_id": short_id})
        return _key(found) if found is not None else None

    async def keys(self, tenant: str) -> list[StoredKey]:
        """Return the keys of a tenant, the oldest first."""
        found = await self._keys.find({"tenant": tenant}).sort("created_at", 1).to_list(None)
        return [_key(document) for document in found]

    async def delete_key(self, tenant: str, short_id: str) -> bool:
        """Delete a key of a tenant; tell whether there was one."""
        if not is_id(short_id):
            return False
        return (await self._keys.delete_one({"_id": short_id, "tenant": tenant})).deleted_count > 0


def _key(document: Document) -> StoredKey:
    return StoredKey(document["_id"], document["tenant"], document["name"], document["hash"], document["created_at"])
