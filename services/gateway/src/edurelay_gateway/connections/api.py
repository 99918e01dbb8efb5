"""`/v1/connections`."""

from __future__ import annotations

from pydantic import Field

from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery
from edurelay_gateway.connections.models import (
    AddressRotation,
    ConnectionChange,
    ConnectionCreate,
    ConnectionCreated,
    ConnectionPage,
    ConnectionView,
    ProviderName,
    WebhookAddress,
    WebhookSecretRotation,
)
from edurelay_gateway.connections.service import Connections
from edurelay_gateway.pages import after, cut


class ConnectionQuery(PageQuery):
    """Which connections to list."""

    provider: ProviderName | None = Field(default=None, description="Only those of this provider.")


class ConnectionApi:
    """A tenant's connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @operation(
        "POST",
        "/v1/connections",
        summary="Make a connection",
        tag="connections",
        body=ConnectionCreate,
        answers={201: ConnectionCreated},
        idempotent=True,
    )
    async def create_connection(self, call: Call[ConnectionCreate, None]) -> Answer:
        """Config and credentials are checked by the connector first. Credentials are sealed, and never shown again."""
        connection, address = await self._connections.create(call.tenant, call.body)
        created = ConnectionCreated(**connection.view().model_dump(), webhook_url=address)
        return Answer(201, created, {"Location": f"/v1/connections/{connection.id}"})

    @operation(
        "GET",
        "/v1/connections",
        summary="List the connections",
        tag="connections",
        query=ConnectionQuery,
        answers={200: ConnectionPage},
    )
    async def list_connections(self, call: Call[None, ConnectionQuery]) -> Answer:
        """The newest first."""
        query = call.query
        found = await self._connections.page(
            call.tenant, provider=query.provider, limit=query.limit + 1, after=after(query)
        )
        page, cursor = cut(found, query.limit)
        return Answer(body=ConnectionPage(data=[each.view() for each in page], next_cursor=cursor))

    @operation(
        "GET",
        "/v1/connections/{connection_id}",
        summary="Show a connection",
        tag="connections",
        answers={200: ConnectionView},
    )
    async def get_connection(self, call: Call[None, None]) -> Answer:
        """One connection, without its credentials."""
        return Answer(body=(await self._connections.get(call.tenant, call.path["connection_id"])).view())

    @operation(
        "GET",
        "/v1/connections/{connection_id}/webhook",
        summary="Show where the provider may send webhooks",
        tag="connections",
        answers={200: WebhookAddress},
    )
    async def get_webhook_address(self, call: Call[None, None]) -> Answer:
        """The address holds a secret: whoever knows it may send webhooks, unless a signature is asked for as well."""
        return Answer(body=await self._connections.webhook_address(call.tenant, call.path["connection_id"]))

    @operation(
        "POST",
        "/v1/connections/{connection_id}/webhook/rotate-secret",
        summary="Take webhooks signed with a new secret",
        tag="connections",
        body=WebhookSecretRotation,
        answers={200: ConnectionView},
        idempotent=True,
    )
    async def rotate_webhook_secret(self, call: Call[WebhookSecretRotation, None]) -> Answer:
        """Until the overlap ends, those signed with a present one are taken as well. In force within two seconds: add
        it here before the provider uses it."""
        changed = await self._connections.rotate_webhook_secret(
            call.tenant, call.path["connection_id"], call.body.secret, call.body.overlap_seconds
        )
        return Answer(body=changed.view())

    @operation(
        "POST",
        "/v1/connections/{connection_id}/webhook/rotate-address",
        summary="Replace the address for webhooks",
        tag="connections",
        body=AddressRotation,
        body_required=False,
        answers={200: WebhookAddress},
        idempotent=True,
    )
    async def rotate_webhook_address(self, call: Call[AddressRotation, None]) -> Answer:
        """Until the overlap ends, the present address is taken as well."""
        address = await self._connections.rotate_webhook_address(
            call.tenant, call.path["connection_id"], call.body.overlap_seconds
        )
        return Answer(body=address)

    @operation(
        "PATCH",
        "/v1/connections/{connection_id}",
        summary="Change a connection",
        tag="connections",
        body=ConnectionChange,
        answers={200: ConnectionView},
    )
    async def change_connection(self, call: Call[ConnectionChange, None]) -> Answer:
        """What is left out stays, also within `webhook`. `config` and `credentials` are replaced as a whole."""
        changed = await self._connections.change(call.tenant, call.path["connection_id"], call.body)
        return Answer(body=changed.view())

    @operation(
        "DELETE",
        "/v1/connections/{connection_id}",
        summary="Delete a connection",
        tag="connections",
        answers={204: None},
    )
    async def delete_connection(self, call: Call[None, None]) -> Answer:
        """A run that is under way is cancelled. Mappings and entities stay."""
        await self._connections.delete(call.tenant, call.path["connection_id"])
        return Answer(204)
