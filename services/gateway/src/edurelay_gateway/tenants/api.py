"""`/v1/tenants`: for the administration."""

from __future__ import annotations

from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery
from edurelay_gateway.pages import after, cut
from edurelay_gateway.tenants.models import KeyCreate, KeyCreated, KeyList, TenantCreate, TenantPage, TenantView
from edurelay_gateway.tenants.service import Tenants


class TenantApi:
    """Tenants and their API keys."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    @operation(
        "POST",
        "/v1/tenants",
        summary="Make a tenant",
        tag="tenants",
        auth="admin",
        body=TenantCreate,
        answers={201: TenantView},
        idempotent=True,
    )
    async def create_tenant(self, call: Call[TenantCreate, None]) -> Answer:
        """A tenant is a school or a platform. Its id is the `institutionId` of the documented faces."""
        tenant = await self._tenants.create(call.body.name)
        return Answer(201, tenant, {"Location": f"/v1/tenants/{tenant.id}"})

    @operation(
        "GET",
        "/v1/tenants",
        summary="List the tenants",
        tag="tenants",
        auth="admin",
        query=PageQuery,
        answers={200: TenantPage},
    )
    async def list_tenants(self, call: Call[None, PageQuery]) -> Answer:
        """The newest first."""
        found = await self._tenants.page(limit=call.query.limit + 1, after=after(call.query))
        page, cursor = cut(found, call.query.limit)
        return Answer(body=TenantPage(data=list(page), next_cursor=cursor))

    @operation(
        "GET",
        "/v1/tenants/{tenant_id}",
        summary="Show a tenant",
        tag="tenants",
        auth="admin",
        answers={200: TenantView},
    )
    async def get_tenant(self, call: Call[None, None]) -> Answer:
        """One tenant."""
        return Answer(body=await self._tenants.get(call.path["tenant_id"]))

    @operation(
        "POST",
        "/v1/tenants/{tenant_id}/keys",
        summary="Give a tenant an API key",
        tag="tenants",
        auth="admin",
        body=KeyCreate,
        body_required=False,
        answers={201: KeyCreated},
        idempotent=True,
    )
    async def create_key(self, call: Call[KeyCreate, None]) -> Answer:
        """The key's text is in this answer and nowhere else: only its hash is kept."""
        return Answer(201, await self._tenants.create_key(call.path["tenant_id"], call.body.name))

    @operation(
        "GET",
        "/v1/tenants/{tenant_id}/keys",
        summary="List a tenant's API keys",
        tag="tenants",
        auth="admin",
        answers={200: KeyList},
    )
    async def list_keys(self, call: Call[None, None]) -> Answer:
        """Without their secrets, which nobody knows any more."""
        return Answer(body=KeyList(data=await self._tenants.keys(call.path["tenant_id"])))

    @operation(
        "DELETE",
        "/v1/tenants/{tenant_id}/keys/{key_id}",
        summary="Revoke an API key",
        tag="tenants",
        auth="admin",
        answers={204: None},
    )
    async def revoke_key(self, call: Call[None, None]) -> Answer:
        """It stops working at once here, and within seconds everywhere."""
        await self._tenants.revoke_key(call.path["tenant_id"], call.path["key_id"])
        return Answer(204)
