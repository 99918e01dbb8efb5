"""The OpenAPI 3.1 document of an API, made from what its operations declare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from edurelay.web.idempotency import HEADER as IDEMPOTENCY_KEY
from edurelay.web.idempotency import MAX_KEY
from edurelay.web.operation import Operation
from edurelay.web.problems import ErrorFormat

_REF = "#/components/schemas/{model}"

_SCHEMES = {
    "tenant": ("tenantKey", "The API key of a tenant."),
    "admin": ("adminToken", "The administrator's token."),
    "internal": ("internalToken", "The token that the services know of each other."),
}

_HEADERS = {
    "IdempotencyKey": {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "description": "Sent again with the same key, the same request has one effect and gets the first answer; "
        "another request with the key gets 422, and 409 while the first is under way.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N`: how many seconds to wait for the outcome; when they are up, the answer is 202.",
        "schema": {"type": "string", "examples": ["wait=30"]},
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Of server-sent events: the `id` of the last one that was received, to go on behind it.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}

_EVENT_STREAM = {
    "schema": {
        "type": "string",
        "description": "Server-sent events, for who accepts `text/event-stream`: `id` is the number, `event` the type, "
        "`data` the same JSON as an entry of the list. A comment comes at least every 15 seconds.",
    }
}


@dataclass(frozen=True, slots=True)
class Documented:
    """An operation as it is mounted: with its whole path, and the shape of the errors of its API."""

    operation: Operation
    path: str
    errors: ErrorFormat


def openapi_document(documented: Iterable[Documented], *, title: str, version: str) -> dict[str, Any]:
    """Return the document as a JSON value."""
    operations = list(documented)
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.operation.method.lower()] = _operation(each, schemas)
    used = {each.operation.auth for each in operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "tags": [{"name": name} for name in dict.fromkeys(each.operation.tag for each in operations)],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "parameters": _HEADERS,
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": description}
                for auth, (name, description) in _SCHEMES.items()
                if auth in used
            },
        },
    }


_Schemas = dict[tuple[int, str], dict[str, Any]]


def _schemas(operations: Sequence[Documented]) -> tuple[_Schemas, dict[str, Any]]:
    """Return the schema of every type in use, by type and direction, and the definitions that they refer to."""
    wanted: dict[tuple[int, str], Any] = {}
    for each in operations:
        wanted[(id(each.errors.model), "serialization")] = each.errors.model
        for declared in (each.operation.body, each.operation.query):
            if declared is not None:
                wanted[(id(declared), "validation")] = declared
        for declared in each.operation.answers.values():
            if declared is not None:
                wanted[(id(declared), "serialization")] = declared
    found, rest = TypeAdapter.json_schemas(
        [(key[0], key[1], TypeAdapter(declared)) for key, declared in wanted.items()],  # type: ignore[misc]
        ref_template=_REF,
    )
    return {key: dict(schema) for key, schema in found.items()}, rest.get("$defs", {})


def _operation(each: Documented, schemas: _Schemas) -> dict[str, Any]:
    operation = each.operation
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(each, schemas),
    }
    if operation.description:
        described["description"] = operation.description
    parameters = _parameters(operation)
    if parameters:
        described["parameters"] = parameters
    if operation.raw_body:
        described["requestBody"] = {"content": {"*/*": {}}}
    elif operation.body is not None:
        schema = schemas[(id(operation.body), "validation")]
        content = {"application/json": {"schema": schema}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.auth != "none":
        described["security"] = [{_SCHEMES[operation.auth][0]: []}]
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in operation.path_names
    ]
    if operation.query is not None:
        parameters += _query_parameters(operation.query)
    if operation.idempotent:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if operation.waits:
        parameters.append({"$ref": "#/components/parameters/Prefer"})
    if operation.event_stream:
        parameters.append({"$ref": "#/components/parameters/LastEventId"})
    return parameters


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return one parameter for each field; nested models have no place in a query string."""
    schema = model.model_json_schema(ref_template=_REF)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": declared.get("description", ""),
            "schema": {key: value for key, value in declared.items() if key not in ("description", "title")},
        }
        for name, declared in schema.get("properties", {}).items()
    ]


def _responses(each: Documented, schemas: _Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, declared in each.operation.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if declared is not None:
            schema = schemas[(id(declared), "serialization")]
            responses[str(status)]["content"] = {"application/json": {"schema": schema}}
            if each.operation.event_stream:
                responses[str(status)]["content"]["text/event-stream"] = _EVENT_STREAM
    error = schemas[(id(each.errors.model), "serialization")]
    content = {each.errors.content_type: {"schema": error}}
    return responses | {"default": {"description": "Any error", "content": content}}
