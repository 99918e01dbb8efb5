"""The canonical records."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from edurelay.model import EntityType, model_of
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import decode_cursor, encode_cursor
from edurelay.web.problems import Problem
from edurelay.web.validation import problem_of_errors
from edurelay_mapping.api.models import ConnectionQuery, EntityPage, EntityQuery, EntityView, Strict
from edurelay_mapping.api.tenants import ROOT, Tenants, entity_type, missing
from edurelay_mapping.identity import Identity
from edurelay_mapping.repository import Wanted
from edurelay_mapping.single_writes import SingleWrites


class Write(Strict):
    """A record in its canonical form; what it may hold depends on the kind of entity."""

    attributes: dict[str, Any]


def _write_of(kind: EntityType) -> type[BaseModel]:
    model = model_of(kind)
    return create_model(f"{model.__name__}Write", __config__=ConfigDict(extra="forbid"), attributes=(model, ...))


_WRITES = {kind: _write_of(kind) for kind in EntityType}


class EntitiesApi:
    """Entities."""

    def __init__(self, tenants: Tenants, writes: SingleWrites) -> None:
        self._tenants = tenants
        self._writes = writes

    @operation(
        "GET",
        f"{ROOT}/entities/{{type}}",
        summary="List entities of one kind",
        tag="entities",
        auth="internal",
        query=EntityQuery,
        answers={200: EntityPage},
    )
    async def list_entities(self, call: Call[None, EntityQuery]) -> Answer:
        """In the order of their keys: connection, inside id."""
        query = call.query
        after = decode_cursor(query.cursor, str)[0] if query.cursor is not None else None
        wanted = Wanted(query.connection, entity_type(call.path))
        found = await self._tenants.repository(call.path).entities(wanted, query.limit, after)
        cursor = encode_cursor(found[-1]["_id"]) if len(found) == query.limit else None
        return Answer(body=EntityPage(data=[EntityView.of(each) for each in found], next_cursor=cursor))

    @operation(
        "GET",
        f"{ROOT}/entities/{{type}}/{{internal_id}}",
        summary="Show an entity",
        tag="entities",
        auth="internal",
        query=ConnectionQuery,
        answers={200: EntityView},
    )
    async def get_entity(self, call: Call[None, ConnectionQuery]) -> Answer:
        """By its inside id. Where several connections share the id, what came last."""
        wanted = Wanted(call.query.connection, entity_type(call.path), internal_id=call.path["internal_id"])
        document = await self._tenants.repository(call.path).entity(wanted)
        if document is None:
            raise missing()
        return Answer(body=EntityView.of(document))

    @operation(
        "PUT",
        f"{ROOT}/connections/{{connection}}/entities/{{type}}/{{external_id}}",
        summary="Write one record",
        tag="entities",
        auth="internal",
        body=Write,
        answers={200: EntityView, 201: EntityView},
    )
    async def put_entity(self, call: Call[Write, None]) -> Answer:
        """As if a provider had given it: a change is one event, which is sent even if this process dies."""
        kind, connection, external_id = entity_type(call.path), call.path["connection"], call.path["external_id"]
        if "/" in connection:
            raise missing()
        if len(external_id) > 256 or not external_id.isprintable():
            raise Problem(422, "invalid_request", "It has to have 1 to 256 printable characters.", field="external_id")
        identity = Identity(self._tenants.repository(call.path).tenant, connection, kind, external_id)
        document, created = await self._writes.put(identity, _checked(kind, call.body))
        return Answer(201 if created else 200, EntityView.of(document))


def _checked(kind: EntityType, body: Write) -> dict[str, Any]:
    """Return the attributes as the kind's model has them. Raises a 422 problem."""
    value = {"attributes": body.attributes}
    try:
        written = _WRITES[kind].model_validate(value)
    except ValidationError as error:
        raise problem_of_errors(422, "invalid_request", error, value) from None
    attributes: dict[str, Any] = written.model_dump(exclude_none=True)["attributes"]
    return attributes
