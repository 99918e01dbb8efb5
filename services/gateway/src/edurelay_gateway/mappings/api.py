"""`/v1/mappings` and `/v1/entities`."""

from __future__ import annotations

from edurelay.model import EntityType
from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.errors import Missing
from edurelay_gateway.mappings.models import EntityPage, EntityQuery, EntityView, MappingPage, MappingQuery
from edurelay_gateway.neighbours.mapping import MappingService


class MappingApi:
    """What the mapping service keeps for a tenant."""

    def __init__(self, mapping: MappingService) -> None:
        self._mapping = mapping

    @operation(
        "GET",
        "/v1/mappings",
        summary="List the id map",
        tag="mappings",
        query=MappingQuery,
        answers={200: MappingPage},
    )
    async def list_mappings(self, call: Call[None, MappingQuery]) -> Answer:
        """Both ways: by the provider's id or by the inside id."""
        return Answer(body=await self._mapping.mappings(call.tenant, call.query))

    @operation(
        "GET",
        "/v1/entities/{type}",
        summary="List the records of one type",
        tag="entities",
        query=EntityQuery,
        answers={200: EntityPage},
    )
    async def list_entities(self, call: Call[None, EntityQuery]) -> Answer:
        """In their canonical form, whatever the provider."""
        return Answer(body=await self._mapping.entities(call.tenant, _type(call.path["type"]), call.query))

    @operation(
        "GET",
        "/v1/entities/{type}/{entity_id}",
        summary="Show a record",
        tag="entities",
        answers={200: EntityView},
    )
    async def get_entity(self, call: Call[None, None]) -> Answer:
        """By its inside id."""
        found = await self._mapping.entity(call.tenant, _type(call.path["type"]), call.path["entity_id"])
        return Answer(body=found)


def _type(text: str) -> EntityType:
    try:
        return EntityType(text)
    except ValueError:
        raise Missing("type of entity") from None
