"""Connections, from the API to the topic."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from edurelay.events import topics
from edurelay.messages.commands import CommandKind
from edurelay.messages.connections import Connection, ConnectionStatus, sealing_context
from edurelay.messages.runs import RunStatus
from edurelay.security.sealing import Sealer
from integration.cut import Line
from integration.gateway.world import MOODLE, SEAL_KEYS, Caller, World, running, until


async def announced(world: World, connection_id: str) -> list[Connection | None]:
    messages = await world.messages(topics.CONNECTIONS, connection_id)
    return [Connection.decode(each.value) if each.value is not None else None for each in messages]


async def test_a_new_connection_is_in_the_topic_before_its_answer(world: World, tenant: Caller) -> None:
    made = await tenant("POST", "/v1/connections", MOODLE)
    assert made.status == 201
    connection = made.body
    assert made.headers["Location"] == f"/v1/connections/{connection['id']}"
    assert connection["in_force"] is True
    assert (connection["status"], connection["version"], connection["name"]) == ("ACTIVE", 1, "MOODLE")

    [state] = await announced(world, connection["id"])
    assert state is not None
    assert (state.tenant, state.provider, state.version) == (tenant.tenant, "MOODLE", 1)
    assert state.config == MOODLE["config"]


async def test_credentials_reach_the_runner_sealed_and_nobody_else_at_all(world: World, tenant: Caller) -> None:
    made = await tenant("POST", "/v1/connections", MOODLE)
    shown = await tenant("GET", f"/v1/connections/{made.body['id']}")
    [message] = await world.messages(topics.CONNECTIONS, made.body["id"])

    for place in (made.raw, shown.raw, message.value or b""):
        assert b"canary-credential" not in place
    state = Connection.decode(message.value or b"")
    assert state.credentials is not None
    opened = Sealer.from_keys(SEAL_KEYS).unseal(state.credentials, sealing_context(tenant.tenant, state.id))
    assert orjson.loads(opened) == MOODLE["credentials"]


async def test_every_change_is_a_new_version(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    path = f"/v1/connections/{connection['id']}"

    renamed = await tenant("PATCH", path, {"name": "Our Moodle", "streams": ["students"]})
    assert (renamed.status, renamed.body["version"], renamed.body["name"]) == (200, 2, "Our Moodle")
    nothing = await tenant("PATCH", path, {})
    assert nothing.body["version"] == 2
    await tenant("PATCH", path, {"status": "INACTIVE", "streams": None})

    states = await announced(world, connection["id"])
    assert [state.version for state in states if state is not None] == [1, 2, 3]
    assert states[-1] is not None
    assert (states[-1].status, states[-1].streams) == (ConnectionStatus.INACTIVE, None)


async def test_changes_at_the_same_moment_all_count(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    path = f"/v1/connections/{connection['id']}"
    told = await asyncio.gather(*(tenant("PATCH", path, {"name": f"n{number}"}) for number in range(4)))
    assert {each.status for each in told} == {200}
    assert (await tenant("GET", path)).body["version"] == 5
    assert [state.version for state in await announced(world, connection["id"]) if state is not None] == [1, 2, 3, 4, 5]


async def test_credentials_alone_are_checked_together_with_the_config_that_stays(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    await tenant("PATCH", f"/v1/connections/{connection['id']}", {"credentials": {"wsToken": "new"}})
    asked = world.neighbours.last("POST", "/internal/providers/MOODLE/validate")
    assert asked == {"config": MOODLE["config"], "credentials": {"wsToken": "new"}}

    await tenant("PATCH", f"/v1/connections/{connection['id']}", {"config": {"apiUrl": "https://other.example"}})
    asked = world.neighbours.last("POST", "/internal/providers/MOODLE/validate")
    assert asked == {"config": {"apiUrl": "https://other.example"}, "credentials": {"wsToken": "new"}}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({**MOODLE, "config": {}}, "invalid_connection", "config.apiUrl"),
        ({**MOODLE, "provider": "ATLANTIS"}, "unknown_provider", "provider"),
        ({**MOODLE, "provider": "../MOODLE"}, "invalid_request", "provider"),
        ({**MOODLE, "streams": ["students", "dragons"]}, "unknown_stream", "streams[1]"),
        ({**MOODLE, "streams": []}, "invalid_request", "streams"),
        ({**MOODLE, "status": "ERROR"}, "invalid_request", "status"),
        ({**MOODLE, "schedule": "* * * * *"}, "invalid_request", "schedule"),
    ],
)
async def test_what_no_runner_could_use_is_refused(tenant: Caller, body: Any, code: str, field: str) -> None:
    told = await tenant("POST", "/v1/connections", body)
    assert (told.status, told.body["code"], told.body["field"]) == (422, code, field)


async def test_a_deleted_connection_is_gone_and_its_tombstone_in_the_topic(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    path = f"/v1/connections/{connection['id']}"
    assert (await tenant("DELETE", path)).status == 204
    assert (await tenant("GET", path)).status == 404
    assert (await tenant("DELETE", path)).status == 404
    assert connection["id"] not in [each["id"] for each in (await tenant("GET", "/v1/connections")).body["data"]]
    assert (await announced(world, connection["id"]))[-1] is None


async def test_a_run_that_begins_while_its_connection_is_deleted_is_cancelled(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    with Line(mongo_uri, 0, answer_lost=False) as line:
        async with running(kafka_bootstrap, line.uri, database_name) as world:
            tenant = await world.tenant()
            connection = await tenant.made("/v1/connections", MOODLE)
            path = f"/v1/connections/{connection['id']}"
            line.hold(b"\x02deleted_at\x00")
            deleting = asyncio.create_task(tenant("DELETE", path))
            await line.until_held()
            run = await tenant.made(f"{path}/runs", {})
            line.let_go()
            assert (await deleting).status == 204
            commands = await until(lambda: world.commands(connection["id"]), lambda found: len(found) > 1)
    assert [(each.kind, each.run_id) for each in commands] == [
        (CommandKind.SYNC, run["id"]),
        (CommandKind.CANCEL, run["id"]),
    ]


async def test_the_webhook_address_is_shown_at_creation_and_on_request(tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    assert connection["webhook_url"].startswith(f"https://hub.example/in/{connection['id']}/")
    shown = await tenant("GET", f"/v1/connections/{connection['id']}/webhook")
    assert shown.body == {"webhook_url": connection["webhook_url"], "webhook": None, "former_until": []}
    assert "webhook_url" not in (await tenant("GET", f"/v1/connections/{connection['id']}")).body


async def test_lists_come_in_pages_the_newest_first(tenant: Caller) -> None:
    made = [(await tenant.made("/v1/connections", {**MOODLE, "name": f"n{n}"}))["id"] for n in range(5)]
    csv = {"provider": "GENERIC_CSV", "config": {"importPath": "/data"}}
    await tenant.made("/v1/connections", csv)

    found: list[str] = []
    cursor = ""
    while True:
        page = (await tenant("GET", f"/v1/connections?provider=MOODLE&limit=2{cursor}")).body
        found += [each["id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == made[::-1]


async def test_a_failed_run_sets_the_status_and_a_good_one_mends_it(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    path = f"/v1/connections/{connection['id']}"

    async def after(status: RunStatus, **fields: Any) -> Any:
        run = await tenant.made(f"{path}/runs", {})
        await world.report(tenant.tenant, connection["id"], run["id"], status, **fields)
        return await until(lambda: tenant("GET", path), lambda told: told.body["active_run_id"] is None)

    failed = await after(RunStatus.FAILED, error="no")
    assert (failed.body["status"], failed.body["last_sync_at"]) == ("ERROR", None)
    finished = "2026-02-02T02:02:02.000Z"
    good = await after(RunStatus.SUCCEEDED, finished_at=finished)
    assert (good.body["status"], good.body["last_sync_at"]) == ("ACTIVE", finished)
    states = await until(lambda: announced(world, connection["id"]), lambda told: len(told) >= 3)
    assert [state.status for state in states if state is not None] == ["ACTIVE", "ERROR", "ACTIVE"]
