"""Providers, and for whoever has the administration's token, tenants and keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

from edurelay_client.models import ApiKey, NewApiKey, Page, Provider, Tenant
from edurelay_client.resources.base import Resource, at


class Providers(Resource):
    """`/v1/providers`"""

    async def all(self) -> list[Provider]:
        """Return the connectors that there are."""
        return (await self._page(at("providers"), Provider, {})).data


class Tenants(Resource):
    """`/v1/tenants`: the client's key has to be the administration's token."""

    async def create(self, name: str) -> Tenant:
        """Make a tenant."""
        return await self._post(at("tenants"), Tenant, {"name": name})

    async def get(self, tenant_id: str) -> Tenant:
        """Return a tenant."""
        return await self._get(at("tenants", tenant_id), Tenant)

    async def page(self, *, limit: int | None = None, cursor: str | None = None) -> Page[Tenant]:
        """Return one page, the newest first."""
        return await self._page(at("tenants"), Tenant, {"limit": limit, "cursor": cursor})

    def every(self) -> AsyncIterator[Tenant]:
        """Yield all, the newest first."""
        return self._every(at("tenants"), Tenant, {"limit": 1000})

    async def create_key(self, tenant_id: str, name: str = "") -> NewApiKey:
        """Give a tenant a key; its text is in the answer and nowhere else."""
        return await self._post(at("tenants", tenant_id, "keys"), NewApiKey, {"name": name})

    async def keys(self, tenant_id: str) -> list[ApiKey]:
        """Return a tenant's keys."""
        return (await self._page(at("tenants", tenant_id, "keys"), ApiKey, {})).data

    async def revoke_key(self, tenant_id: str, key_id: str) -> None:
        """Take a key back."""
        await self._delete(at("tenants", tenant_id, "keys", key_id))
