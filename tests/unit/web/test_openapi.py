"""The contract: a valid OpenAPI 3.1 document of what really is there, and a page that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from edurelay.web.application import Face, describe
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.problems import ErrorFormat
from unit.web.api import Api, Things, serving


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return describe([Things], title="Things", version="1.0")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def resolved(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    place: Any = document
    for step in reference[2:].split("/"):
        place = place[step]
    return place


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 10
    for reference in found:
        assert resolved(document, reference)


def test_every_path_parameter_is_declared_and_required(document: dict[str, Any]) -> None:
    for path, _, described in operations(document):
        declared = {each["name"] for each in described.get("parameters", []) if each.get("in") == "path"}
        assert declared == {part.partition("}")[0] for part in path.split("{")[1:]}
        assert all(each["required"] for each in described.get("parameters", []) if each.get("in") == "path")


def test_operation_ids_are_unique_and_every_operation_is_tagged(document: dict[str, Any]) -> None:
    described = [each for _, _, each in operations(document)]
    assert len({each["operationId"] for each in described}) == len(described) == 7
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for each in described for tag in each["tags"]} == tags


def test_bodies_answers_and_errors_have_schemas(document: dict[str, Any]) -> None:
    make = document["paths"]["/v1/things"]["post"]
    assert make["requestBody"]["required"] is True
    assert make["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewThing"}
    assert make["responses"]["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    [error] = make["responses"]["default"]["content"].items()
    assert error[0] == "application/problem+json"
    assert {"code", "field", "errors"} <= resolved(document, error[1]["schema"]["$ref"])["properties"].keys()
    assert document["paths"]["/v1/things/{id}"]["delete"]["responses"]["204"] == {"description": "No Content"}
    assert document["paths"]["/v1/things/{id}/start"]["post"]["requestBody"]["required"] is False


def test_query_parameters_say_their_bounds_and_defaults(document: dict[str, Any]) -> None:
    parameters = {each["name"]: each for each in document["paths"]["/v1/things"]["get"]["parameters"]}
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    assert parameters.keys() == {"limit", "cursor", "colour", "tag"}


def test_headers_are_declared_where_they_are_honoured(document: dict[str, Any]) -> None:
    def named(path: str, method: str) -> set[str]:
        parameters = document["paths"][path][method].get("parameters", [])
        return {resolved(document, each["$ref"])["name"] for each in parameters if "$ref" in each}

    assert named("/v1/things", "post") == {"Idempotency-Key"}
    assert named("/v1/things/{id}/start", "post") == {"Prefer"}
    assert named("/v1/things/{id}", "get") == set()


def test_who_may_call_is_declared(document: dict[str, Any]) -> None:
    assert document["paths"]["/v1/things"]["post"]["security"] == [{"tenantKey": []}]
    assert document["paths"]["/v1/report"]["get"]["security"] == [{"adminToken": []}]
    assert "security" not in document["paths"]["/in/{id}"]["post"]
    assert document["components"]["securitySchemes"].keys() == {"tenantKey", "adminToken"}


def test_models_of_one_name_are_kept_apart() -> None:
    def part(name: str) -> type[BaseModel]:
        return type("Shared", (BaseModel,), {"__annotations__": {name: str}, "__module__": f"module_{name}"})

    first, second = part("first"), part("second")

    class Both:
        @operation("POST", "/first", summary="First", tag="t", body=first, answers={204: None})
        async def one(self, _: Call[Any, None]) -> Answer:
            return Answer(204)

        @operation("POST", "/second", summary="Second", tag="t", body=second, answers={204: None})
        async def two(self, _: Call[Any, None]) -> Answer:
            return Answer(204)

    document = describe([Both], title="Both", version="1")
    for path, name in (("/first", "first"), ("/second", "second")):
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert resolved(document, schema["$ref"])["properties"].keys() == {name}


def test_server_sent_events_are_documented_beside_the_list_that_they_are_of() -> None:
    class Entries(BaseModel):
        data: list[str]

    class Streamed:
        @operation("GET", "/entries", summary="Read", tag="t", answers={200: Entries}, event_stream=True)
        async def read_entries(self, _: Call[None, None]) -> Answer:
            return Answer()

    document = describe([Streamed], title="Streamed", version="1")
    described = document["paths"]["/entries"]["get"]
    assert described["responses"]["200"]["content"].keys() == {"application/json", "text/event-stream"}
    (parameter,) = described["parameters"]
    assert resolved(document, parameter["$ref"])["name"] == "Last-Event-ID"


def test_two_operations_of_one_name_or_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two operations are called make_thing"):
        describe([Things, Things], title="Things", version="1.0")

    class Rival:
        @operation("GET", "/v1/things", summary="Rival", tag="t", answers={200: None})
        async def rival(self, _: Call[None, None]) -> Answer:
            return Answer()

    with pytest.raises(ValueError, match="or answer GET /v1/things"):
        describe([Things, Rival], title="Things", version="1.0")


def test_a_face_is_documented_under_its_prefix_with_its_own_errors() -> None:
    class FaceError(BaseModel):
        success: bool
        error: str

    face = Face("old", [Things], ErrorFormat(lambda problem: (problem.status, {}), FaceError), prefix="/old")
    document = describe([Things, face], title="Things", version="1.0")
    described = document["paths"]["/old/v1/things"]["post"]
    assert described["operationId"] == "old_make_thing"
    assert described["responses"]["default"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/FaceError"}}
    }


async def test_the_running_api_publishes_the_same_document(api: Api, document: dict[str, Any]) -> None:
    answer = await api.call("GET", "/openapi.json", key=None)
    assert answer.json == document


async def test_every_documented_operation_is_there(api: Api, document: dict[str, Any]) -> None:
    for path, method, _ in operations(document):
        answer = await api.call(method.upper(), path, key="nobody's")
        assert answer.status in (400, 401, 202), (method, path, answer.status)


async def test_the_page_shows_every_operation_and_loads_nothing(api: Api, document: dict[str, Any]) -> None:
    answer = await api.call("GET", "/docs", key=None)
    page = answer.raw.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for path, _, described in operations(document):
        assert path in page
        assert described["summary"] in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert "What a thing is made from." in page
    assert "<code class=required>name</code><td>string" in page
    assert 'list of <a href="#schema-Part">' in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


async def test_the_contract_is_published_only_when_asked_for() -> None:
    async with serving([Things()], publish_docs=False) as api:
        assert (await api.call("GET", "/openapi.json")).status == 404
