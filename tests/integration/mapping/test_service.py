"""The service as its neighbours see it: records in over Kafka, events out, questions answered over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edurelay.events.ids import new_id
from integration.mapping.service import Service, running
from integration.mapping.world import student

TENANTS = "/internal/tenants"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(kafka_bootstrap: str, mongo_uri: str) -> AsyncIterator[Service]:
    async with running(kafka_bootstrap, mongo_uri, new_id("test")) as service:
        yield service


@pytest.fixture
def tenant() -> str:
    return new_id("tenant")


@pytest.fixture
def run() -> str:
    return new_id("run")


async def put(service: Service, tenant: str, external_id: str, kind: str = "student", **attributes: Any) -> Any:
    """Write a record by a call."""
    path = f"{TENANTS}/{tenant}/connections/moodle/entities/{kind}/{external_id}"
    status, body = await service.ask("PUT", path, {"attributes": {"name": "Ada", **attributes}})
    assert status in (200, 201), body
    return body


async def test_records_from_kafka_become_events_on_kafka_and_counts(service: Service, tenant: str, run: str) -> None:
    await service.feed(tenant, run, student("1"), sequence=1)
    await service.feed(tenant, run, student("2"), sequence=2)
    await service.feed(tenant, run, student("1", email="a@example.org"), sequence=3)
    assert await service.settle(tenant, run, through=3) == {
        "students": {"source": 3, "created": 2, "updated": 1, "unchanged": 0, "rejected": 0}
    }
    told = await service.told(lambda event: event.tenant == tenant, 3)
    assert sorted(event.type for event in told) == ["student.created", "student.created", "student.updated"]


async def test_batches_without_an_outcome_are_counted_by_segment(service: Service, tenant: str, run: str) -> None:
    await service.feed(tenant, run, student("1"), sequence=2)
    await service.feed(tenant, run, student("1"), sequence=1, epoch=2)
    await service.feed(tenant, run, student("1"), sequence=9)
    last = new_id("run")
    await service.feed(tenant, last, student("1"))
    await service.settle(tenant, last)
    segments = [{"epoch": 1, "through": 3}, {"epoch": 2, "through": 1}]
    status, answer = await service.ask("POST", f"{TENANTS}/{tenant}/runs/{run}/outcomes", {"segments": segments})
    assert (status, answer["missing"], answer["streams"]["students"]["source"]) == (200, 2, 3)


async def test_rejected_records_are_listed_in_pages_and_marked_when_they_were_tried_again(
    service: Service, tenant: str, run: str
) -> None:
    rejected = [{"reason": f"bad {n}", "line": n, "raw": {"n": n}} for n in range(5)]
    await service.feed(tenant, run, rejected=rejected)
    await service.settle(tenant, run)
    path = f"{TENANTS}/{tenant}/runs/{run}/rejected"
    first = await service.get(f"{path}?limit=3")
    second = await service.get(f"{path}?limit=3&cursor={first['next_cursor']}")
    listed = first["data"] + second["data"]
    assert [(each["reason"], each["raw"], each["rejected_at"]) for each in listed] == [
        (f"bad {n}", {"n": n}, "2026-01-15T10:30:00.000Z") for n in range(5)
    ]
    assert second["next_cursor"] is None

    ids = [listed[0]["id"], listed[4]["id"], "of-nobody"]
    assert await service.ask("POST", f"{path}/resolved", {"ids": ids, "run_id": "again"}) == (204, None)
    marks = [each["reprocessed_by"] for each in (await service.get(path))["data"]]
    assert marks == ["again", None, None, None, "again"]


async def test_mappings_are_found_by_either_id_and_counted(service: Service, tenant: str) -> None:
    ada, _ = await put(service, tenant, "1"), await put(service, tenant, "2")
    await put(service, tenant, "c", "course")
    path = f"{TENANTS}/{tenant}/mappings"
    for query in ("external_id=1", "external_id=1&connection=moodle&entity_type=student", f"internal_id={ada['id']}"):
        [found] = (await service.get(f"{path}?{query}"))["data"]
        assert (found["internal_id"], found["external_id"], found["entity_type"]) == (ada["id"], "1", "student")
    for query in ("external_id=9", "internal_id=9", "external_id=1&connection=other", "connection=other"):
        assert await service.get(f"{path}?{query}") == {"data": [], "next_cursor": None}
    assert await service.get(f"{path}/count") == {"count": 3}
    assert await service.get(f"{path}/count?connection=moodle&entity_type=student") == {"count": 2}
    assert await service.get(f"{path}/count?connection=other") == {"count": 0}


async def test_lists_are_complete_and_without_repetition_over_their_pages(service: Service, tenant: str) -> None:
    for number in range(7):
        await put(service, tenant, f"s{number}", "student")
    await service.ask("PUT", f"{TENANTS}/{tenant}/connections/other/entities/student/s0", {"attributes": {"name": "x"}})
    await service.ask("POST", f"{TENANTS}/{tenant}/mappings", new_mapping("unseen", internal_id="chosen"))
    for path, expected in (("mappings", 9), ("entities/student", 8), ("mappings?connection=moodle", 8)):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            start = f"{TENANTS}/{tenant}/{path}{'&' if '?' in path else '?'}limit=3"
            page = await service.get(start + (f"&cursor={cursor}" if cursor else ""))
            seen += [each["id"] for each in page["data"]]
            cursor = page["next_cursor"]
        assert len(seen) == len(set(seen)) == expected


def new_mapping(external_id: str, **further: Any) -> dict[str, Any]:
    return {"connection_id": "moodle", "entity_type": "student", "external_id": external_id, **further}


async def test_a_mapping_can_be_made_before_its_record_and_a_second_one_conflicts(
    service: Service, tenant: str
) -> None:
    path = f"{TENANTS}/{tenant}/mappings"
    status, made = await service.ask("POST", path, new_mapping("1", internal_id="chosen", metadata={"a": 1}))
    assert (status, made["internal_id"], made["metadata"]) == (201, "chosen", {"a": 1})
    for again, field in ((new_mapping("1"), "external_id"), (new_mapping("2", internal_id="chosen"), "internal_id")):
        status, problem = await service.ask("POST", path, again)
        assert (status, problem["code"], problem["field"]) == (409, "mapping_conflict", field)
    status, _ = await service.ask("GET", f"{TENANTS}/{tenant}/entities/student/chosen")
    assert status == 404
    await put(service, tenant, "1")
    assert (await service.get(f"{TENANTS}/{tenant}/entities/student/chosen"))["external_id"] == "1"
    [found] = (await service.get(f"{path}?internal_id=chosen"))["data"]
    assert found["id"] == made["id"]


async def test_a_single_write_is_answered_told_of_and_idempotent(service: Service, tenant: str) -> None:
    path = f"{TENANTS}/{tenant}/connections/moodle/entities/student/a%2Fb%20%C3%A9"
    body = {"attributes": {"name": "Ada", "organization": "school"}}
    status, first = await service.ask("PUT", path, body)
    assert (status, first["external_id"], first["version"]) == (201, "a/b é", 1)
    assert first["attributes"]["organization_external_id"] == "school"
    assert await service.ask("PUT", path, body) == (200, first)
    [event] = await service.told(lambda event: event.tenant == tenant, 1)
    assert (event.type, event.subject) == ("student.created", first["id"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "connections/moodle/entities/student/1", {"attributes": {}}, 422, "attributes.name"),
        ("PUT", "connections/moodle/entities/student/1", {"attributes": {"name": 5}}, 422, "attributes.name"),
        ("PUT", "connections/moodle/entities/student/1", {"attributes": {"name": "a", "x": 1}}, 422, "attributes.x"),
        ("PUT", "connections/moodle/entities/student/1", {"attributes": []}, 422, "attributes"),
        ("PUT", "connections/moodle/entities/student/1", {}, 422, "attributes"),
        ("PUT", "connections/moodle/entities/dragon/1", {"attributes": {}}, 404, None),
        ("PUT", "connections/a%2Fb/entities/student/1", {"attributes": {"name": "a"}}, 404, None),
        ("PUT", f"connections/moodle/entities/student/{'x' * 257}", {"attributes": {"name": "a"}}, 422, "external_id"),
        ("POST", "mappings", {"connection_id": "moodle"}, 422, "entity_type"),
        ("POST", "mappings", {**new_mapping("1"), "connection_id": "a/b"}, 422, "connection_id"),
        ("POST", "mappings", {**new_mapping("1"), "internal_id": "a/b"}, 422, "internal_id"),
        ("POST", "mappings", {**new_mapping("1"), "external_id": ""}, 422, "external_id"),
        ("POST", "runs/r/outcomes", {"segments": [{"epoch": 1, "through": -1}]}, 422, "segments[0].through"),
        ("POST", "runs/r/rejected/resolved", {"ids": [1], "run_id": "r"}, 422, "ids[0]"),
        ("GET", "entities/dragon", None, 404, None),
        ("GET", "entities/student/nobody", None, 404, None),
        ("GET", "mappings?entity_type=dragon", None, 400, "entity_type"),
        ("GET", "mappings?limit=0", None, 400, "limit"),
        ("GET", "mappings?cursor=nonsense", None, 400, "cursor"),
    ],
)
async def test_bad_input_is_a_problem_that_names_the_field(
    service: Service, tenant: str, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answered, problem = await service.ask(method, f"{TENANTS}/{tenant}/{path}", body)
    assert (answered, problem.get("field")) == (status, field)


async def test_nobody_without_the_internal_token_gets_an_answer(service: Service, tenant: str) -> None:
    for method, path in (("GET", f"{TENANTS}/{tenant}/mappings"), ("POST", "/internal/log/accept")):
        status, problem = await service.ask(method, path, token="wrong")
        assert (status, problem["code"]) == (401, "unauthenticated")


async def test_a_tenant_sees_nothing_of_another_on_any_route(service: Service, tenant: str, run: str) -> None:
    record = await put(service, tenant, "1")
    await service.feed(tenant, run, student("2"), rejected=[{"reason": "bad"}])
    await service.settle(tenant, run)
    [rejected] = (await service.get(f"{TENANTS}/{tenant}/runs/{run}/rejected"))["data"]

    rival = f"{TENANTS}/{new_id('rival')}"
    empty: dict[str, Any] = {"data": [], "next_cursor": None}
    for query in ("", "?connection=moodle", "?external_id=1", f"?internal_id={record['id']}"):
        assert await service.get(f"{rival}/mappings{query}") == empty
    assert await service.get(f"{rival}/mappings/count?connection=moodle") == {"count": 0}
    assert await service.get(f"{rival}/entities/student?connection=moodle") == empty
    assert (await service.ask("GET", f"{rival}/entities/student/{record['id']}"))[0] == 404
    assert await service.get(f"{rival}/runs/{run}/rejected") == empty
    question = {"segments": [{"epoch": 1, "through": 1}]}
    assert await service.ask("POST", f"{rival}/runs/{run}/outcomes", question) == (200, {"missing": 1, "streams": {}})
    await service.ask("POST", f"{rival}/runs/{run}/rejected/resolved", {"ids": [rejected["id"]], "run_id": "x"})

    own = {"attributes": {"name": "Rival"}}
    status, theirs = await service.ask("PUT", f"{rival}/connections/moodle/entities/student/1", own)
    assert (status, theirs["version"]) == (201, 1)
    assert theirs["id"] != record["id"]
    assert (await service.ask("POST", f"{rival}/mappings", new_mapping("1", internal_id=record["id"])))[0] == 409
    assert (await service.ask("POST", f"{rival}/mappings", new_mapping("9", internal_id=record["id"])))[0] == 201

    assert await service.get(f"{TENANTS}/{tenant}/entities/student/{record['id']}") == record
    assert (await service.get(f"{TENANTS}/{tenant}/runs/{run}/rejected"))["data"] == [rejected]


async def test_a_tenant_that_looks_like_a_key_is_nobody(service: Service, tenant: str) -> None:
    await put(service, tenant, "1")
    status, _ = await service.ask("GET", f"{TENANTS}/{tenant}%2Fmoodle/mappings")
    assert status == 404


async def test_it_is_ready_when_everything_is_there(service: Service) -> None:
    assert await service.get("/readyz") == {
        "status": "ready",
        "checks": {"service": "ok", "kafka": "ok", "mongo": "ok", "log": "ok"},
    }
