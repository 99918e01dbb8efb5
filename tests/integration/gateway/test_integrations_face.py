"""`/integrations*`, as the SIS connector document has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.runs import Counts, RunStatus, StreamProgress
from integration.gateway.world import Caller, Told, World, until

CONFIG = {"apiUrl": "https://moodle.institution.edu", "wsFunction": "core_webservice_get_site_info"}
CREDENTIALS = {"wsToken": "canary-credential"}


def moodle(tenant: Caller) -> dict[str, Any]:
    return {"institutionId": tenant.tenant, "provider": "MOODLE", "config": CONFIG, "credentials": CREDENTIALS}


@pytest.fixture
async def integration(tenant: Caller) -> str:
    return str((await tenant.made("/integrations", moodle(tenant)))["id"])


def mapping(number: int, entity_type: str, connection: str) -> dict[str, Any]:
    return {
        "id": f"map_{entity_type}_{number}",
        "connection_id": connection,
        "entity_type": entity_type,
        "internal_id": f"0d9c3a52-0000-8000-8000-00000000000{number}",
        "external_id": str(number),
        "metadata": {"source": "moodle"},
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-02T00:00:00.000Z",
    }


async def command(world: World, integration: str) -> Command:
    [found] = await until(lambda: world.commands(integration), lambda commands: len(commands) == 1)
    return found


async def test_a_created_integration_is_shown_in_the_documents_fields(tenant: Caller) -> None:
    told = await tenant("POST", "/integrations", moodle(tenant))
    assert told.status == 201
    body = told.body
    assert body.keys() == {
        "id", "institutionId", "provider", "config", "status", "lastSyncAt", "createdAt", "updatedAt",
    }  # fmt: skip
    assert (body["institutionId"], body["provider"], body["config"]) == (tenant.tenant, "MOODLE", CONFIG)
    assert (body["status"], body["lastSyncAt"]) == ("ACTIVE", None)
    assert b"canary" not in told.raw


async def test_it_is_the_same_connection_that_our_own_api_shows(tenant: Caller, integration: str) -> None:
    assert (await tenant("GET", f"/v1/connections/{integration}")).body["provider"] == "MOODLE"
    ours = await tenant.made("/v1/connections", {"provider": "GENERIC_CSV", "config": {"importPath": "/data"}})
    listed = (await tenant("GET", f"/integrations?institutionId={tenant.tenant}")).body
    assert [each["id"] for each in listed] == [ours["id"], integration]
    assert (await tenant("GET", "/integrations")).body == listed


async def test_an_update_replaces_what_it_names(tenant: Caller, integration: str) -> None:
    config = {"apiUrl": "https://other.institution.edu"}
    told = await tenant("PATCH", f"/integrations/{integration}", {"config": config, "status": "INACTIVE"})
    assert (told.status, told.body["config"], told.body["status"]) == (200, config, "INACTIVE")


async def test_a_deleted_integration_is_gone(tenant: Caller, integration: str) -> None:
    assert (await tenant("DELETE", f"/integrations/{integration}")).status == 204
    again = await tenant("DELETE", f"/integrations/{integration}")
    assert (again.status, again.body["statusCode"], again.body["error"]) == (404, 404, "Not Found")
    assert (await tenant("GET", "/integrations")).body == []


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        (
            {"status": RunStatus.SUCCEEDED, "result": {"ok": True, "message": "Connection successful"}},
            {"success": True, "message": "Connection successful"},
        ),
        (
            {"status": RunStatus.FAILED, "error": "The token is not valid."},
            {"success": False, "message": "The token is not valid."},
        ),
    ],
)
async def test_a_test_says_whether_it_works(
    world: World, tenant: Caller, integration: str, report: dict[str, Any], answer: dict[str, Any]
) -> None:
    testing = asyncio.create_task(tenant("POST", f"/integrations/{integration}/test"))
    ordered = await command(world, integration)
    assert ordered.kind is CommandKind.TEST
    await world.report(tenant.tenant, integration, ordered.run_id, kind="test", **report)
    told = await testing
    assert (told.status, told.body) == (200, answer)


async def test_a_sync_answers_with_what_it_did(world: World, tenant: Caller, integration: str) -> None:
    inside = f"/internal/tenants/{tenant.tenant}"
    pages = {"data": [mapping(1, "student", integration), mapping(2, "student", integration)], "next_cursor": None}
    world.neighbours.tell("GET", f"{inside}/mappings", pages)

    syncing = asyncio.create_task(tenant("POST", f"/integrations/{integration}/sync", {"entityType": "STUDENT"}))
    ordered = await command(world, integration)
    assert (ordered.kind, ordered.entity_types) == (CommandKind.SYNC, ["student"])
    rejected = {"id": "r", "stream": "students", "reason": "no name", "where": "row 3", "rejected_at": "t"}
    world.neighbours.tell("GET", f"{inside}/runs/{ordered.run_id}/rejected", {"data": [rejected], "next_cursor": None})
    counts = Counts(source=151, created=100, updated=20, unchanged=30, rejected=1)
    await world.report(tenant.tenant, integration, ordered.run_id, RunStatus.SUCCEEDED, counts=counts)

    told = await syncing
    assert told.status == 200
    assert told.body.keys() == {"success", "synced", "errors", "mappings"}
    assert (told.body["success"], told.body["synced"], told.body["errors"]) == (True, 150, ["row 3: no name"])
    assert told.body["mappings"][0] == {
        "id": "map_student_1",
        "integrationId": integration,
        "entityType": "STUDENT",
        "internalId": "0d9c3a52-0000-8000-8000-000000000001",
        "externalId": "1",
        "metadata": {"source": "moodle"},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-02T00:00:00.000Z",
    }


async def test_a_sync_that_failed_says_why_and_sets_the_status(world: World, tenant: Caller, integration: str) -> None:
    syncing = asyncio.create_task(tenant("POST", f"/integrations/{integration}/sync"))
    ordered = await command(world, integration)
    assert ordered.entity_types is None
    stream = StreamProgress(stream="courses", status=RunStatus.FAILED, error="access denied")
    await world.report(
        tenant.tenant, integration, ordered.run_id, RunStatus.FAILED, error="One stream failed.", streams=[stream]
    )
    told = await syncing
    assert (told.status, told.body["success"]) == (200, False)
    assert told.body["errors"] == ["One stream failed.", "courses: access denied"]
    assert (await tenant("GET", f"/integrations/{integration}/logs")).body["status"] == "ERROR"


async def test_a_second_sync_is_told_of_the_first(tenant: Caller, integration: str) -> None:
    first = await tenant("POST", f"/integrations/{integration}/sync", headers={"Prefer": "wait=0"})
    assert first.status == 202
    assert first.body["status"] == "queued"
    second = await tenant("POST", f"/integrations/{integration}/sync")
    assert (second.status, second.body["statusCode"], second.body["code"]) == (409, 409, "SYNC_IN_PROGRESS")
    assert second.body["activeRunId"] == first.body["runId"]


async def test_mappings_are_an_array_over_all_pages_and_kinds(world: World, tenant: Caller, integration: str) -> None:
    inside = f"/internal/tenants/{tenant.tenant}/mappings"
    world.neighbours.tell("GET", inside, {"data": [mapping(1, "teacher", integration)], "next_cursor": None})
    of_all = await tenant("GET", f"/integrations/{integration}/mappings")
    assert len(of_all.body) == 4
    asked = [query for method, path, query in world.neighbours.asked if path == inside]
    assert [query["entity_type"] for query in asked] == ["course", "group", "student", "teacher"]
    assert {query["connection"] for query in asked} == {integration}
    of_one = await tenant("GET", f"/integrations/{integration}/mappings?entityType=TEACHER")
    assert [each["entityType"] for each in of_one.body] == ["TEACHER"]
    wrong = await tenant("GET", f"/integrations/{integration}/mappings?entityType=GRADE")
    assert (wrong.status, wrong.body["field"]) == (400, "entityType")


async def test_the_log_says_where_the_integration_stands(world: World, tenant: Caller, integration: str) -> None:
    world.neighbours.tell("GET", f"/internal/tenants/{tenant.tenant}/mappings/count", {"count": 7})
    told = await tenant("GET", f"/integrations/{integration}/logs")
    assert told.body == {
        "integrationId": integration,
        "provider": "MOODLE",
        "status": "ACTIVE",
        "lastSyncAt": None,
        "mappingsCount": 28,
    }


async def test_what_no_connector_does_yet_is_refused_clearly(tenant: Caller, integration: str) -> None:
    def refused(told: Told) -> bool:
        return (told.status, told.body["code"]) == (422, "unsupported_by_provider") and bool(told.body["message"])

    body = {"sessionId": "0d9c3a52-0000-4000-8000-000000000001"}
    assert refused(await tenant("POST", f"/integrations/{integration}/send-attendance", body))
    assert refused(await tenant("POST", "/integrations", {**moodle(tenant), "provider": "IDUKAY"}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": "ATLANTIS"}, "provider"),
        ({"institutionId": "not a uuid"}, "institutionId"),
        ({"config": {}}, "config.apiUrl"),
        ({"institution_id": "x"}, "institution_id"),
    ],
)
async def test_an_error_names_the_documents_own_field(tenant: Caller, change: dict[str, Any], field: str) -> None:
    told = await tenant("POST", "/integrations", {**moodle(tenant), **change})
    assert (told.status, told.body["statusCode"], told.body["field"]) == (422, 422, field)
    assert told.body["error"] == "Unprocessable Entity"


async def test_a_connection_of_another_kind_is_no_integration(world: World, tenant: Caller) -> None:
    world.neighbours.tell("POST", "/internal/providers/HUBSPOT/validate", None, 204)
    other = await tenant.made("/v1/connections", {"provider": "HUBSPOT"})
    assert (await tenant("GET", "/integrations")).body == []
    assert (await tenant("GET", f"/integrations/{other['id']}/logs")).status == 404
