"""Publishing events."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from edurelay.events import topics
from edurelay.events.envelope import Event
from integration.gateway.world import Caller, World, running

CREATED = {"type": "student.created", "data": {"name": "Ada", "n": 1.5, "nothing": None}}


async def logged(world: World, tenant: Caller, subject: str) -> list[Event]:
    messages = await world.messages(topics.EVENTS, f"{tenant.tenant}/{subject}")
    return [Event.from_message(each.headers, each.value) for each in messages]


async def test_an_accepted_event_is_in_the_log_as_it_was_said(world: World, tenant: Caller) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {**CREATED, "id": "mine-1", "subject": "student/ä 7", "time": "2026-01-31T09:15:00+01:00"}
    told = await tenant("POST", "/v1/events", body, headers={"traceparent": trace})
    assert (told.status, told.body) == (202, {"id": "mine-1"})

    [event] = await logged(world, tenant, "student/ä 7")
    assert (event.id, event.type, event.tenant) == ("mine-1", "student.created", tenant.tenant)
    assert event.time == "2026-01-31T08:15:00.000Z"
    assert orjson.loads(event.data) == CREATED["data"]
    assert event.traceparent is not None
    assert event.traceparent[3:35] == trace[3:35]
    assert event.maybe_repeated


async def test_an_event_without_an_id_gets_one_that_nothing_repeats(world: World, tenant: Caller) -> None:
    told = [await tenant("POST", "/v1/events", {**CREATED, "subject": "s"}) for _ in range(2)]
    ids = [each.body["id"] for each in told]
    events = await logged(world, tenant, "s")
    assert [event.id for event in events] == ids
    assert len(set(ids)) == 2
    assert not any(event.maybe_repeated for event in events)


async def test_of_a_batch_the_good_events_are_in_the_log_and_the_bad_ones_say_why(world: World, tenant: Caller) -> None:
    good = {**CREATED, "subject": "batch"}
    items: list[Any] = [
        {**good, "id": "b-0"},
        {**good, "type": "no good"},
        {**good, "id": "b-2"},
        {**good, "data": "text"},
        17,
        {**good, "id": "b-5", "time": "yesterday"},
        {**good, "id": "b-6"},
        {**good, "id": "evt_" + "f" * 32},
    ]
    told = await tenant("POST", "/v1/events", {"events": items})
    assert told.status == 202
    outcomes = told.body["data"]
    assert [outcome["id"] for outcome in outcomes] == ["b-0", None, "b-2", None, None, None, "b-6", None]
    fields = [outcome["error"]["field"] for outcome in outcomes if outcome["error"] is not None]
    assert fields == ["events[1].type", "events[3].data", "events[4]", "events[5].time", "events[7].id"]
    assert [event.id for event in await logged(world, tenant, "batch")] == ["b-0", "b-2", "b-6"]


async def test_a_batch_of_a_thousand_is_in_the_log_in_its_order(world: World, tenant: Caller) -> None:
    items = [{**CREATED, "id": f"n{number}", "subject": "thousand"} for number in range(1000)]
    told = await tenant("POST", "/v1/events", {"events": items})
    assert told.status == 202
    assert [event.id for event in await logged(world, tenant, "thousand")] == [f"n{number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"events": []}, 422, "invalid_request"),
        ({"events": [CREATED] * 1001}, 422, "invalid_request"),
        ({"events": {}}, 422, "invalid_request"),
        ({"events": [CREATED], "type": "a"}, 422, "invalid_request"),
        ({"type": "a", "data": {"x": "y" * 262_144}}, 413, "too_large"),
        ({"events": [{"type": "a", "data": {"x": "y" * 1_048_576}}]}, 413, "too_large"),
        ({}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
        ("text", 422, "invalid_request"),
    ],
)
async def test_what_is_neither_an_event_nor_a_batch_is_refused(
    tenant: Caller, body: Any, status: int, code: str
) -> None:
    told = await tenant("POST", "/v1/events", body)
    assert (told.status, told.body["code"]) == (status, code)


async def test_an_event_of_a_batch_may_be_no_larger_than_one_by_itself(world: World, tenant: Caller) -> None:
    large = {"type": "a", "data": {"x": "y" * 262_144}, "subject": "large"}
    told = await tenant("POST", "/v1/events", {"events": [large, {**CREATED, "subject": "large", "id": "small"}]})
    assert told.body["data"][0]["error"]["code"] == "too_large"
    assert told.body["data"][1]["id"] == "small"
    assert [event.id for event in await logged(world, tenant, "large")] == ["small"]


async def test_who_may_not_wait_any_more_is_told_at_once(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name, publish_in_flight=5) as world:
        tenant = await world.tenant()
        told = await tenant("POST", "/v1/events", {"events": [CREATED] * 6})
        assert (told.status, told.body["code"], told.headers["Retry-After"]) == (503, "overloaded", "1")
        flood = await asyncio.gather(*(tenant("POST", "/v1/events", CREATED) for _ in range(200)))
        assert {each.status for each in flood} <= {202, 503}
        assert (await tenant("POST", "/v1/events", CREATED)).status == 202


async def test_events_are_looked_up_at_the_dispatcher(world: World, tenant: Caller) -> None:
    summary = {"id": "evt_1", "type": "a", "subject": None, "time": "t", "source": "s"}
    inside = f"/internal/tenants/{tenant.tenant}/events"
    world.neighbours.tell("GET", inside, {"data": [summary], "next_cursor": None})
    delivery = {"id": "dlv_1", "endpoint_id": "ep_1", "status": "delivered", "attempts": 1}
    world.neighbours.tell("GET", f"{inside}/evt_1", {**summary, "data": {"x": 1}, "deliveries": [delivery]})

    assert (await tenant("GET", "/v1/events?type=a.b&subject=s%2F1&limit=7")).body["data"] == [summary]
    asked = world.neighbours.last("GET", inside)
    assert asked == {"type": "a.b", "subject": "s/1", "limit": "7"}
    shown = (await tenant("GET", "/v1/events/evt_1")).body
    assert (shown["data"], shown["deliveries"]) == ({"x": 1}, [delivery])
