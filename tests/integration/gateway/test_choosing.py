"""What an endpoint chooses, from the API to the topic."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.events import topics
from edurelay.messages.subscriptions import PayloadMode, Subscription
from integration.gateway.world import INTERNAL_TOKEN, MOODLE, RECEIVER, Caller, World

PASSED = "type == 'grade.updated' && data.score >= 3.0"
EXAMPLE = {"type": "grade.updated", "data": {"score": 3.5}}
COSTLY = "data.l.all(x, data.l.all(y, data.s.contains('ab') == false))"


async def state_of(world: World, endpoint_id: str) -> Subscription:
    message = (await world.messages(topics.SUBSCRIPTIONS, endpoint_id))[-1]
    return Subscription.decode(message.value or b"")


async def test_the_dispatcher_hears_of_what_an_endpoint_chooses(world: World, tenant: Caller) -> None:
    connection = await tenant.made("/v1/connections", MOODLE)
    chosen = {
        "condition": PASSED,
        "fields": ["score", "attributes.*", "score"],
        "payload": "thin",
        "ids": connection["id"],
        "event_types": ["*.updated", "grade.*"],
    }
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, **chosen})
    shown = (await tenant("GET", f"/v1/endpoints/{endpoint['id']}")).body
    assert {name: shown[name] for name in chosen} == {**chosen, "fields": ["score", "attributes.*"]}
    assert shown["condition_failure"] is None
    state = await state_of(world, endpoint["id"])
    assert (state.condition, state.fields, state.payload, state.ids, state.event_types) == (
        PASSED,
        ["score", "attributes.*"],
        PayloadMode.THIN,
        connection["id"],
        ["*.updated", "grade.*"],
    )
    nothing = {"condition": None, "fields": None, "payload": "full", "ids": None}
    changed = await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", nothing)
    assert {name: changed.body[name] for name in nothing} == nothing
    state = await state_of(world, endpoint["id"])
    assert (state.condition, state.fields, state.payload, state.ids) == (None, None, PayloadMode.FULL, None)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("data.score >", "line 1, column 13"),
        ("score > 3", "line 1, column 1: undeclared reference to 'score'"),
        ("data.active", "gives a bool"),
        ("x" * 2001, "2000"),
    ],
)
async def test_a_condition_that_does_not_compile_is_refused_with_the_place(
    tenant: Caller, condition: str, said: str
) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    for told in (
        await tenant("POST", "/v1/endpoints", {**RECEIVER, "condition": condition}),
        await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", {"condition": condition}),
        await tenant("POST", "/v1/endpoints/try-condition", {"condition": condition, "example": EXAMPLE}),
    ):
        assert (told.status, told.body["code"], told.body["field"]) == (422, "invalid_request", "condition")
        assert said in told.raw.decode()


async def test_an_example_is_evaluated_in_the_same_call(tenant: Caller) -> None:
    body = {**RECEIVER, "condition": PASSED, "condition_example": EXAMPLE}
    endpoint = await tenant.made("/v1/endpoints", body)
    assert endpoint["example_matched"] is True
    path = f"/v1/endpoints/{endpoint['id']}"
    other = {"type": "grade.created", "data": {"score": 5}, "subject": "s", "time": "2026-01-15T10:30:00Z"}
    alone = await tenant("PATCH", path, {"condition_example": other})
    assert (alone.body["example_matched"], alone.body["version"]) == (False, 1)
    changed = await tenant("PATCH", path, {"condition": "data.score == 5", "condition_example": other})
    assert (changed.body["example_matched"], changed.body["version"]) == (True, 2)
    assert (await tenant("PATCH", path, {"description": "x"})).body["example_matched"] is None


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"condition": PASSED, "condition_example": {"type": "grade.updated", "data": {}}}, "condition", "score"),
        ({"condition_example": EXAMPLE}, "condition_example", "no condition"),
    ],
)
async def test_an_example_that_cannot_be_evaluated_keeps_everything_as_it_was(
    tenant: Caller, fields: dict[str, Any], field: str, said: str
) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    told = await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", fields)
    assert (told.status, told.body["code"], told.body["field"]) == (422, "example_failed", field)
    assert said in told.body["detail"]
    assert (await tenant("GET", f"/v1/endpoints/{endpoint['id']}")).body["condition"] is None
    assert (await tenant("POST", "/v1/endpoints", {**RECEIVER, **fields})).status == 422
    assert len((await tenant("GET", "/v1/endpoints")).body["data"]) == 1


async def test_a_condition_is_tried_without_being_kept(tenant: Caller) -> None:
    async def tried(condition: str, example: Any = EXAMPLE) -> Any:
        told = await tenant("POST", "/v1/endpoints/try-condition", {"condition": condition, "example": example})
        assert told.status == 200, told.raw
        return told.body

    assert await tried(PASSED) == {"matched": True, "error": None}
    assert await tried("data.score > 4.0") == {"matched": False, "error": None}
    failed = await tried("data.points > 4")
    assert failed["matched"] is None
    assert "points" in failed["error"]
    heavy = {"type": "a.b", "data": {"l": list(range(90)), "s": "a" * 200_000}}
    assert "processor time" in (await tried(COSTLY, heavy))["error"]
    assert await tried("true") == {"matched": True, "error": None}
    assert (await tenant("GET", "/v1/endpoints")).body["data"] == []


async def test_the_connection_has_to_be_the_tenants_own(tenant: Caller, stranger: Caller) -> None:
    theirs = await stranger.made("/v1/connections", MOODLE)
    mine = await tenant.made("/v1/connections", MOODLE)
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "ids": mine["id"]})
    for connection in (theirs["id"], "con_missing"):
        for told in (
            await tenant("POST", "/v1/endpoints", {**RECEIVER, "ids": connection}),
            await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", {"ids": connection}),
        ):
            assert (told.status, told.body["code"], told.body["field"]) == (422, "unknown_connection", "ids")
    assert (await tenant("GET", f"/v1/endpoints/{endpoint['id']}")).body["ids"] == mine["id"]


async def test_a_condition_that_fails_is_shown_until_there_is_another(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "condition": PASSED})
    path = f"/v1/endpoints/{endpoint['id']}"
    dispatcher = world.with_token(INTERNAL_TOKEN)

    async def say(condition: str, count: int, event_id: str, tenant_id: str = tenant.tenant) -> None:
        last = {"at": "2026-01-15T10:30:00.000Z", "reason": "Key not found", "event_id": event_id}
        told = await dispatcher(
            "POST",
            f"/internal/tenants/{tenant_id}/endpoints/{endpoint['id']}/condition-failures",
            {"condition": condition, "count": count, **last},
        )
        assert told.status == 204

    await say(PASSED, 3, "evt_1")
    await say(PASSED, 2, "evt_2")
    await say("another == 1", 7, "evt_3")
    await say(PASSED, 7, "evt_4", "somebody-else")
    shown = (await tenant("GET", path)).body
    assert shown["condition_failure"] == {
        "count": 5,
        "at": "2026-01-15T10:30:00.000Z",
        "reason": "Key not found",
        "event_id": "evt_2",
    }
    assert (shown["version"], shown["in_force"]) == (1, True)
    assert (await tenant("PATCH", path, {"description": "x"})).body["condition_failure"]["count"] == 5
    assert (await tenant("PATCH", path, {"condition": "true"})).body["condition_failure"] is None
    await say(PASSED, 1, "evt_5")
    assert (await tenant("GET", path)).body["condition_failure"] is None
