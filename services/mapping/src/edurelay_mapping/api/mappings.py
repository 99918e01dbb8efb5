"""The id map."""

from __future__ import annotations

from edurelay.events.envelope import now
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import decode_cursor, encode_cursor
from edurelay_mapping.api.models import (
    Count,
    CountQuery,
    ExternalIds,
    ExternalIdsQuestion,
    MappingPage,
    MappingQuery,
    MappingView,
    NewMapping,
)
from edurelay_mapping.api.tenants import ROOT, Tenants
from edurelay_mapping.assignments import Assignments
from edurelay_mapping.connections import Connections
from edurelay_mapping.identity import Identity
from edurelay_mapping.repository import Wanted


class MappingsApi:
    """Mappings between inside and outside ids."""

    def __init__(self, tenants: Tenants, connections: Connections, assignments: Assignments) -> None:
        self._tenants = tenants
        self._connections = connections
        self._assignments = assignments

    @operation(
        "GET",
        f"{ROOT}/mappings",
        summary="List mappings",
        tag="mappings",
        auth="internal",
        query=MappingQuery,
        answers={200: MappingPage},
    )
    async def list_mappings(self, call: Call[None, MappingQuery]) -> Answer:
        """In the order of their keys: connection, kind of entity, inside id."""
        query = call.query
        wanted = Wanted(query.connection, query.entity_type, query.external_id, query.internal_id)
        after = decode_cursor(query.cursor, str)[0] if query.cursor is not None else None
        found = await self._tenants.repository(call.path).mappings(wanted, query.limit, after)
        cursor = encode_cursor(found[-1]["_id"]) if len(found) == query.limit else None
        return Answer(body=MappingPage(data=[MappingView.of(each) for each in found], next_cursor=cursor))

    @operation(
        "GET",
        f"{ROOT}/mappings/count",
        summary="Count mappings",
        tag="mappings",
        auth="internal",
        query=CountQuery,
        answers={200: Count},
    )
    async def count_mappings(self, call: Call[None, CountQuery]) -> Answer:
        """Of a connection or of the whole tenant."""
        wanted = Wanted(call.query.connection, call.query.entity_type)
        return Answer(body=Count(count=await self._tenants.repository(call.path).count(wanted)))

    @operation(
        "POST",
        f"{ROOT}/mappings/external-ids",
        summary="Look up the outside ids of many inside ids",
        tag="mappings",
        auth="internal",
        body=ExternalIdsQuestion,
        answers={200: ExternalIds},
    )
    async def external_ids(self, call: Call[ExternalIdsQuestion, None]) -> Answer:
        """Of one connection."""
        wanted = [(each.entity_type.value, each.internal_id) for each in call.body.ids]
        found = await self._tenants.repository(call.path).external_ids(call.body.connection_id, wanted)
        return Answer(body=ExternalIds(external_ids=found))

    @operation(
        "POST",
        f"{ROOT}/mappings",
        summary="Make a mapping",
        tag="mappings",
        auth="internal",
        body=NewMapping,
        answers={201: MappingView},
    )
    async def create_mapping(self, call: Call[NewMapping, None]) -> Answer:
        """Before its record was seen; 409 `mapping_conflict` where one of the two ids is mapped already."""
        body = call.body
        tenant = self._tenants.repository(call.path).tenant
        identity = Identity(tenant, body.connection_id, body.entity_type, body.external_id)
        await self._connections.remember({identity.connection})
        inside_id = body.internal_id or identity.derived_id
        document = await self._assignments.assign(identity, inside_id, body.metadata, now())
        return Answer(201, MappingView.of(document))
