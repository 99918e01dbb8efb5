"""What the other services keep, as our own API shows it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from integration.gateway.routes import DELIVERY, ENTITY
from integration.gateway.world import Caller, World

MAPPING = {
    "id": "map_1",
    "connection_id": "c",
    "entity_type": "student",
    "internal_id": ENTITY["id"],
    "external_id": "7",
    "metadata": {},
    "created_at": "t",
    "updated_at": "t",
}


async def test_the_id_map_is_asked_for_both_ways(world: World, tenant: Caller) -> None:
    inside = f"/internal/tenants/{tenant.tenant}/mappings"
    world.neighbours.tell("GET", inside, {"data": [MAPPING], "next_cursor": "more"})
    query = f"connection=c&entity_type=student&external_id=7%2Fa%20%C3%A4&internal_id={ENTITY['id']}&limit=5&cursor=on"
    told = await tenant("GET", f"/v1/mappings?{query}")
    assert told.body == {"data": [MAPPING], "next_cursor": "more"}
    assert world.neighbours.last("GET", inside) == {
        "connection": "c",
        "entity_type": "student",
        "external_id": "7/a ä",
        "internal_id": ENTITY["id"],
        "limit": "5",
        "cursor": "on",
    }


async def test_entities_are_listed_and_shown_by_type(world: World, tenant: Caller) -> None:
    inside = f"/internal/tenants/{tenant.tenant}/entities/student"
    world.neighbours.tell("GET", inside, {"data": [ENTITY], "next_cursor": None})
    world.neighbours.tell("GET", f"{inside}/{ENTITY['id']}", ENTITY)
    assert (await tenant("GET", "/v1/entities/student?connection=c")).body["data"] == [ENTITY]
    assert (await tenant("GET", f"/v1/entities/student/{ENTITY['id']}")).body == ENTITY
    assert (await tenant("GET", "/v1/entities/dragon")).status == 404


async def test_deliveries_are_listed_shown_and_made_again(world: World, tenant: Caller) -> None:
    inside = f"/internal/tenants/{tenant.tenant}/deliveries"
    attempt: dict[str, Any] = {
        "number": 1,
        "at": "t",
        "duration_ms": 1.5,
        "status_code": 500,
        "error": None,
        "response_excerpt": "no",
        "request_headers": {"authorization": "***"},
        "response_headers": {"server": "x"},
        "timing_ms": {"lookup": None, "connect": None, "tls": None, "send": 0.1, "wait": 1.0, "read": 0.4},
        "connection_reused": True,
        "outcome": "failed",
    }
    shown = {**DELIVERY, "sequence": None, "parked": False, "subject": None, "reason": None, "next_attempt_at": None}
    identifier = "dlv_0019a6c3b2f-3.1029-ep_00aa"
    world.neighbours.tell("GET", inside, {"data": [DELIVERY], "next_cursor": None})
    world.neighbours.tell("GET", f"{inside}/{identifier}", DELIVERY)
    world.neighbours.tell("GET", f"{inside}/{identifier}/attempts", {"data": [attempt], "next_cursor": None})
    world.neighbours.tell("POST", f"{inside}/{identifier}/redeliver", DELIVERY, 202)

    chosen = {"endpoint": "ep_1", "event": "evt_1", "type": "a.*", "subject": "s 1", "status": "dead_lettered"}
    query = "since=2026-01-01T00:00:00Z&until=2026-01-01T02:00:00%2B01:00"
    listed = await tenant("GET", f"/v1/deliveries?{urlencode(chosen)}&{query}")
    assert listed.body["data"] == [shown]
    asked = world.neighbours.last("GET", inside)
    moments = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T02:00:00+01:00"}
    assert asked == chosen | moments | {"limit": "100"}
    assert (await tenant("GET", f"/v1/deliveries/{identifier}")).body == shown
    assert (await tenant("GET", f"/v1/deliveries/{identifier}/attempts")).body["data"] == [attempt]
    assert (await tenant("POST", f"/v1/deliveries/{identifier}/redeliver")).status == 202
    world.neighbours.tell("POST", f"{inside}/{identifier}/skip", DELIVERY | {"status": "dead_lettered"})
    assert (await tenant("POST", f"/v1/deliveries/{identifier}/skip")).body["status"] == "dead_lettered"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=2026-01-01T00:00:00", "until"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("type=a..b", "type"),
        ("subject=", "subject"),
    ],
)
@pytest.mark.parametrize("what", ["events", "deliveries"])
async def test_what_cannot_be_looked_for_is_named(tenant: Caller, what: str, query: str, field: str) -> None:
    told = await tenant("GET", f"/v1/{what}?{query}")
    assert (told.status, told.body["field"]) == (400, field)


async def test_providers_are_listed_with_their_schemas(tenant: Caller) -> None:
    told = await tenant("GET", "/v1/providers")
    assert [each["provider"] for each in told.body["data"]] == ["MOODLE", "GENERIC_CSV"]
    assert told.body["data"][0]["streams"][0]["name"] == "courses"


async def test_what_a_neighbour_refuses_is_passed_on(world: World, tenant: Caller) -> None:
    path = f"/internal/tenants/{tenant.tenant}/deliveries/dlv_gone/redeliver"
    gone = {"title": "t", "status": 410, "code": "payload_gone", "detail": "The log no longer has this event."}
    world.neighbours.tell("POST", path, gone, 410)
    told = await tenant("POST", "/v1/deliveries/dlv_gone/redeliver")
    assert (told.status, told.body["code"]) == (410, "payload_gone")
    path = f"/internal/tenants/{tenant.tenant}/deliveries/dlv_arrived/skip"
    arrived = {"title": "t", "status": 409, "code": "nothing_to_skip", "detail": "The delivery has arrived."}
    world.neighbours.tell("POST", path, arrived, 409)
    told = await tenant("POST", "/v1/deliveries/dlv_arrived/skip")
    assert (told.status, told.body["code"], told.body["detail"]) == (409, "nothing_to_skip", arrived["detail"])


async def test_a_neighbour_that_fails_is_a_503_and_tells_nothing_of_the_inside(world: World, tenant: Caller) -> None:
    for status in (500, 401, 302):
        body = {"detail": "at 10.0.0.7"}
        world.neighbours.tell("GET", f"/internal/tenants/{tenant.tenant}/mappings", body, status)
        told = await tenant("GET", "/v1/mappings")
        assert (told.status, told.body["code"], told.headers["Retry-After"]) == (503, "upstream_unavailable", "1")
        assert b"10.0.0.7" not in told.raw
