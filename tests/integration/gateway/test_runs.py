"""Runs, from the order to the end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from edurelay.events import topics
from edurelay.events.envelope import Message
from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import Counts, RunStatus, StreamProgress
from integration.gateway.world import MOODLE, Caller, World, until


@pytest.fixture
async def connection(tenant: Caller) -> str:
    return str((await tenant.made("/v1/connections", MOODLE))["id"])


async def test_a_run_is_ordered_by_a_command_for_the_state_it_was_meant_for(
    world: World, tenant: Caller, connection: str
) -> None:
    body = {"streams": ["students"], "full": True, "dry_run": True}
    told = await tenant("POST", f"/v1/connections/{connection}/runs", body)
    assert told.status == 202
    run = told.body
    assert told.headers["Location"] == f"/v1/runs/{run['id']}"
    assert (run["status"], run["kind"], run["full"], run["dry_run"]) == ("queued", "sync", True, True)

    [command] = await world.commands(connection)
    assert (command.kind, command.run_id, command.connection_version) == (CommandKind.SYNC, run["id"], 1)
    assert (command.streams, command.full, command.dry_run, command.tenant) == (["students"], True, True, tenant.tenant)
    assert (await tenant("GET", f"/v1/runs/{run['id']}")).body == run


async def test_of_many_orders_at_once_one_runs_and_the_others_name_it(tenant: Caller, connection: str) -> None:
    told = await asyncio.gather(*(tenant("POST", f"/v1/connections/{connection}/runs") for _ in range(8)))
    [accepted] = [each for each in told if each.status == 202]
    refused = [each for each in told if each.status == 409]
    assert len(refused) == 7
    assert {each.body["code"] for each in refused} == {"SYNC_IN_PROGRESS"}
    assert {each.body["active_run_id"] for each in refused} == {accepted.body["id"]}


async def test_an_inactive_connection_does_not_run(tenant: Caller, connection: str) -> None:
    await tenant("PATCH", f"/v1/connections/{connection}", {"status": "INACTIVE"})
    for verb in ("runs", "test"):
        told = await tenant("POST", f"/v1/connections/{connection}/{verb}")
        assert (told.status, told.body["code"]) == (409, "connection_inactive")


async def test_unknown_streams_are_refused_where_the_provider_declares_its_own(tenant: Caller, connection: str) -> None:
    told = await tenant("POST", f"/v1/connections/{connection}/runs", {"streams": ["dragons"]})
    assert (told.status, told.body["code"], told.body["field"]) == (422, "unknown_stream", "streams[0]")


async def test_who_waits_gets_the_end_and_may_order_again_at_once(
    world: World, tenant: Caller, connection: str
) -> None:
    path = f"/v1/connections/{connection}/runs"
    waiting = asyncio.create_task(tenant("POST", path, headers={"Prefer": "wait=30"}))
    [command] = await until(lambda: world.commands(connection), bool)
    counts = Counts(source=3, created=2, rejected=1)
    progress = StreamProgress(stream="students", status=RunStatus.SUCCEEDED, counts=counts)
    await world.report(
        tenant.tenant, connection, command.run_id, RunStatus.SUCCEEDED, counts=counts, streams=[progress]
    )

    told = await waiting
    assert (told.status, told.body["status"]) == (200, "succeeded")
    assert told.body["counts"] == {"source": 3, "created": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    assert told.body["streams"][0]["stream"] == "students"
    assert (await tenant("POST", path)).status == 202


async def test_when_the_time_is_up_the_answer_is_the_run_as_it_is(tenant: Caller, connection: str) -> None:
    began = time.monotonic()
    told = await tenant("POST", f"/v1/connections/{connection}/runs", headers={"Prefer": "wait=1"})
    assert (told.status, told.body["status"]) == (202, "queued")
    assert 1 <= time.monotonic() - began < 5


async def test_a_run_can_be_followed_by_asking_with_patience(world: World, tenant: Caller, connection: str) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    following = asyncio.create_task(tenant("GET", f"/v1/runs/{run['id']}", headers={"Prefer": "wait=30"}))
    await world.report(tenant.tenant, connection, run["id"], RunStatus.RUNNING, revision=1)
    await world.report(tenant.tenant, connection, run["id"], RunStatus.FAILED, revision=2, error="broken")
    assert (await following).body["error"] == "broken"


async def test_a_newer_report_is_not_undone_by_an_older_one(world: World, tenant: Caller, connection: str) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    path = f"/v1/runs/{run['id']}"
    for revision, source in ((1, 10), (3, 30), (2, 20)):
        await world.report(
            tenant.tenant,
            connection,
            run["id"],
            RunStatus.RUNNING,
            revision=revision,
            counts=Counts(source=source),
        )
    last = await tenant.made(f"/v1/connections/{(await tenant.made('/v1/connections', MOODLE))['id']}/runs", {})
    await world.report(tenant.tenant, connection, last["id"], RunStatus.RUNNING)
    await until(lambda: tenant("GET", path), lambda told: told.body["counts"]["source"] == 30)
    await world.report(tenant.tenant, connection, run["id"], RunStatus.SUCCEEDED, revision=4, counts=Counts(source=30))
    ended = await until(lambda: tenant("GET", path), lambda told: told.body["status"] == "succeeded")
    assert ended.body["counts"]["source"] == 30
    assert ended.body["requested_at"] == run["requested_at"]


async def test_the_end_of_an_earlier_run_does_not_free_a_later_one(
    world: World, tenant: Caller, connection: str
) -> None:
    path = f"/v1/connections/{connection}"
    first = await tenant.made(f"{path}/runs", {})
    await world.report(tenant.tenant, connection, first["id"], RunStatus.SUCCEEDED)
    await until(lambda: tenant("GET", path), lambda told: told.body["active_run_id"] is None)
    second = await tenant.made(f"{path}/runs", {})
    await world.report(tenant.tenant, connection, first["id"], RunStatus.FAILED, revision=2)
    ended = await until(lambda: tenant("GET", f"/v1/runs/{first['id']}"), lambda told: told.body["status"] == "failed")
    assert ended.status == 200
    shown = (await tenant("GET", path)).body
    assert (shown["active_run_id"], shown["status"]) == (second["id"], "ACTIVE")


async def test_a_run_that_nobody_ordered_here_is_shown_as_well(world: World, tenant: Caller, connection: str) -> None:
    await world.report(tenant.tenant, connection, "run_from_a_schedule", RunStatus.RUNNING)
    told = await until(lambda: tenant("GET", "/v1/runs/run_from_a_schedule"), lambda told: told.status == 200)
    assert told.body["connection_id"] == connection
    listed = (await tenant("GET", f"/v1/runs?connection={connection}&status=running&kind=sync")).body["data"]
    assert [each["id"] for each in listed] == ["run_from_a_schedule"]


async def test_a_report_cannot_touch_the_run_of_another_tenant(
    world: World, tenant: Caller, stranger: Caller, connection: str
) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    await world.report(stranger.tenant, connection, run["id"], RunStatus.FAILED, revision=9)
    await world.report(tenant.tenant, connection, run["id"], RunStatus.RUNNING, revision=1)
    told = await until(lambda: tenant("GET", f"/v1/runs/{run['id']}"), lambda told: told.body["status"] != "queued")
    assert told.body["status"] == "running"
    assert (await stranger("GET", f"/v1/runs/{run['id']}")).status == 404


async def test_a_malformed_report_becomes_a_dead_letter_and_the_next_one_counts(
    world: World, tenant: Caller, connection: str
) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    await world.producer.send(Message(topics.RUNS.name, run["id"].encode(), b'{"status": 7'))
    await world.report(tenant.tenant, connection, run["id"], RunStatus.RUNNING)
    await until(lambda: tenant("GET", f"/v1/runs/{run['id']}"), lambda told: told.body["status"] == "running")
    [letter] = await world.messages(topics.RUNS.dlq, run["id"])
    assert letter.value == b'{"status": 7'


async def test_a_cancellation_is_a_command(world: World, tenant: Caller, connection: str) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    told = await tenant("POST", f"/v1/runs/{run['id']}/cancel")
    assert told.status == 202
    commands = await world.commands(connection)
    assert [(each.kind, each.run_id) for each in commands] == [
        (CommandKind.SYNC, run["id"]),
        (CommandKind.CANCEL, run["id"]),
    ]
    await world.report(tenant.tenant, connection, run["id"], RunStatus.CANCELLED)
    await until(lambda: tenant("GET", f"/v1/runs/{run['id']}"), lambda told: told.body["status"] == "cancelled")
    again = await tenant("POST", f"/v1/runs/{run['id']}/cancel")
    assert (again.status, again.body["code"]) == (409, "run_finished")


async def test_deleting_a_connection_cancels_its_run(world: World, tenant: Caller, connection: str) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    await tenant("DELETE", f"/v1/connections/{connection}")
    assert (await world.commands(connection))[-1].kind is CommandKind.CANCEL
    assert (await tenant("GET", f"/v1/runs/{run['id']}")).status == 200
    assert (await tenant("POST", f"/v1/runs/{run['id']}/cancel")).status == 202


async def test_the_rejected_records_of_a_run_can_be_seen_and_tried_again(
    world: World, tenant: Caller, connection: str
) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {})
    rejected: dict[str, Any] = {
        "id": "rej_1",
        "stream": "students",
        "reason": "no name",
        "line": 7,
        "rejected_at": "2026-01-01T00:00:00.000Z",
    }
    path = f"/internal/tenants/{tenant.tenant}/runs/{run['id']}/rejected"
    world.neighbours.tell("GET", path, {"data": [rejected], "next_cursor": "more"})
    told = await tenant("GET", f"/v1/runs/{run['id']}/rejected?limit=1")
    assert (told.body["data"][0]["reason"], told.body["next_cursor"]) == ("no name", "more")

    early = await tenant("POST", f"/v1/runs/{run['id']}/reprocess")
    assert (early.status, early.body["code"]) == (409, "run_unfinished")
    await world.report(tenant.tenant, connection, run["id"], RunStatus.SUCCEEDED)
    again = await until(lambda: tenant("POST", f"/v1/runs/{run['id']}/reprocess"), lambda told: told.status == 202)
    assert (again.body["kind"], again.body["source_run_id"]) == ("reprocess", run["id"])
    last = (await world.commands(connection))[-1]
    assert (last.kind, last.source_run_id) == (CommandKind.REPROCESS, run["id"])


async def test_a_test_answers_with_what_the_connector_found(world: World, tenant: Caller, connection: str) -> None:
    waiting = asyncio.create_task(tenant("POST", f"/v1/connections/{connection}/test"))
    [command] = await until(lambda: world.commands(connection), bool)
    assert command.kind is CommandKind.TEST
    report = {"ok": False, "message": "Two functions are missing.", "problems": ["Add core_user_get_users."]}
    await world.report(
        tenant.tenant, connection, command.run_id, RunStatus.FAILED, kind="test", result=report, error="no"
    )
    told = await waiting
    assert told.status == 200
    assert (told.body["success"], told.body["message"]) == (False, "Two functions are missing.")
    assert told.body["problems"] == ["Add core_user_get_users."]
    assert (await tenant("GET", f"/v1/connections/{connection}")).body["status"] == "ERROR"


async def test_a_test_that_takes_too_long_answers_with_its_run(tenant: Caller, connection: str) -> None:
    told = await tenant("POST", f"/v1/connections/{connection}/test", headers={"Prefer": "wait=0"})
    assert (told.status, told.body["kind"]) == (202, "test")


async def test_a_dry_run_is_no_sync(world: World, tenant: Caller, connection: str) -> None:
    run = await tenant.made(f"/v1/connections/{connection}/runs", {"dry_run": True})
    await world.report(
        tenant.tenant, connection, run["id"], RunStatus.SUCCEEDED, finished_at="2026-01-01T00:00:00.000Z"
    )
    path = f"/v1/connections/{connection}"
    freed = await until(lambda: tenant("GET", path), lambda told: told.body["active_run_id"] is None)
    assert freed.body["last_sync_at"] is None
