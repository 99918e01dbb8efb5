"""The use cases of the administration: tenants, and the keys that they are given."""

from __future__ import annotations

from edurelay.events.envelope import now
from edurelay.events.ids import new_uuid
from edurelay.mongo import DuplicateKeyError
from edurelay.security.api_keys import new_api_key
from edurelay_gateway.errors import Missing
from edurelay_gateway.tenants.keyring import Keyring
from edurelay_gateway.tenants.models import KeyCreated, KeyView, TenantView
from edurelay_gateway.tenants.store import StoredKey, TenantStore


class Tenants:
    """Makes and shows tenants, and gives out and takes back their keys."""

    def __init__(self, store: TenantStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def create(self, name: str) -> TenantView:
        """Make a tenant."""
        tenant = TenantView(id=new_uuid(), name=name, created_at=now())
        await self._store.insert_tenant({"_id": tenant.id, "name": tenant.name, "created_at": tenant.created_at})
        return tenant

    async def get(self, tenant: str) -> TenantView:
        """Return a tenant. Raises `Missing`."""
        found = await self._store.find_tenant(tenant)
        if found is None:
            raise Missing("tenant")
        return TenantView(id=found["_id"], name=found["name"], created_at=found["created_at"])

    async def page(self, *, limit: int, after: str | None) -> list[TenantView]:
        """Return some tenants, the newest first."""
        found = await self._store.tenants(limit=limit, after=after)
        return [TenantView(id=each["_id"], name=each["name"], created_at=each["created_at"]) for each in found]

    async def create_key(self, tenant: str, name: str) -> KeyCreated:
        """Give a tenant a key; its text is in the answer and nowhere else. Raises `Missing`."""
        await self.get(tenant)
        while True:
            key = new_api_key()
            stored = StoredKey(key.short_id, tenant, name, key.hash, now())
            try:
                await self._store.insert_key(stored)
            except DuplicateKeyError:
                continue  # The short id has 32 bits only, so that two keys may draw the same one.
            return KeyCreated(id=stored.short_id, name=name, created_at=stored.created_at, api_key=key.text)

    async def keys(self, tenant: str) -> list[KeyView]:
        """Return the keys of a tenant, without their secrets. Raises `Missing`."""
        await self.get(tenant)
        found = await self._store.keys(tenant)
        return [KeyView(id=key.short_id, name=key.name, created_at=key.created_at) for key in found]

    async def revoke_key(self, tenant: str, short_id: str) -> None:
        """Take a key back; other replicas take it for as long as they remember it. Raises `Missing`."""
        if not await self._store.delete_key(tenant, short_id):
            raise Missing("key")
        self._keyring.forget(short_id)
