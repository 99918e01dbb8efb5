"""The id map and the canonical records."""

from __future__ import annotations

from collections.abc import AsyncIterator

from edurelay_client.models import Entity, Mapping, Page
from edurelay_client.resources.base import Resource, at


class Mappings(Resource):
    """`/v1/mappings`"""

    async def page(
        self,
        *,
        connection: str | None = None,
        entity_type: str | None = None,
        external_id: str | None = None,
        internal_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Mapping]:
        """Return one page."""
        query = {
            "connection": connection,
            "entity_type": entity_type,
            "external_id": external_id,
            "internal_id": internal_id,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._page(at("mappings"), Mapping, query)

    def every(self, *, connection: str | None = None, entity_type: str | None = None) -> AsyncIterator[Mapping]:
        """Yield all."""
        return self._every(
            at("mappings"), Mapping, {"connection": connection, "entity_type": entity_type, "limit": 1000}
        )


class Entities(Resource):
    """`/v1/entities`"""

    async def get(self, entity_type: str, entity_id: str) -> Entity:
        """Return a record by its inside id."""
        return await self._get(at("entities", entity_type, entity_id), Entity)

    async def page(
        self,
        entity_type: str,
        *,
        connection: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Entity]:
        """Return one page of one type."""
        query = {"connection": connection, "limit": limit, "cursor": cursor}
        return await self._page(at("entities", entity_type), Entity, query)

    def every(self, entity_type: str, *, connection: str | None = None) -> AsyncIterator[Entity]:
        """Yield all of one type."""
        return self._every(at("entities", entity_type), Entity, {"connection": connection, "limit": 1000})
