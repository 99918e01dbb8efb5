"""The mapping service: the id map, the entities, and the records that runs rejected."""

from __future__ import annotations

from edurelay.model import EntityType
from edurelay.web.internal import InternalClient, internal_path
from edurelay_gateway.mappings.models import (
    EntityPage,
    EntityQuery,
    EntityView,
    MappingCount,
    MappingPage,
    MappingQuery,
)
from edurelay_gateway.neighbours.identifiers import checked
from edurelay_gateway.runs.models import RejectedPage


class MappingService:
    """Asks the mapping service. Each method raises `UpstreamUnavailable`, or what the service refuses."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def mappings(self, tenant: str, query: MappingQuery) -> MappingPage:
        """Return some of a tenant's mappings."""
        path = internal_path("tenants", tenant, "mappings")
        return await self._client.get(path, MappingPage, query=query.model_dump(mode="json"))

    async def count(self, tenant: str, connection_id: str, entity_type: EntityType) -> int:
        """Return how many mappings of one type a connection has."""
        path = internal_path("tenants", tenant, "mappings", "count")
        query = {"connection": connection_id, "entity_type": entity_type.value}
        return (await self._client.get(path, MappingCount, query=query)).count

    async def entities(self, tenant: str, entity_type: EntityType, query: EntityQuery) -> EntityPage:
        """Return some of a tenant's entities of one type."""
        path = internal_path("tenants", tenant, "entities", entity_type.value)
        return await self._client.get(path, EntityPage, query=query.model_dump(mode="json"))

    async def entity(self, tenant: str, entity_type: EntityType, internal_id: str) -> EntityView:
        """Return an entity. Raises `Missing`, or the service's own 404."""
        path = internal_path("tenants", tenant, "entities", entity_type.value, checked(internal_id, "entity"))
        return await self._client.get(path, EntityView)

    async def rejected(self, tenant: str, run_id: str, *, limit: int, cursor: str | None) -> RejectedPage:
        """Return some of the records that a run rejected."""
        path = internal_path("tenants", tenant, "runs", run_id, "rejected")
        return await self._client.get(path, RejectedPage, query={"limit": limit, "cursor": cursor})
