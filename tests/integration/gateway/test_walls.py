"""Tenants never meet: whatever one asks for that is another's, it gets what it would get for something missing."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio

from integration.gateway.routes import MISSING, Route, furnish, tenant_routes
from integration.gateway.world import Caller, Told, World

BY_ID = [route for route in tenant_routes() if set(route.names) - {"type"}]

#: Filters that name something of a tenant.
NAMING = {"connection": "connection_id", "endpoint": "endpoint_id", "event": "event_id", "internal_id": "entity_id"}
FILTERED = [(route, name) for route in tenant_routes() for name in route.query if name in NAMING]


def seen(told: Told, ids: dict[str, str]) -> tuple[int, str]:
    """Return what an answer tells, with the ids that the caller named itself left out."""
    text = told.raw.decode()
    for value in {*ids.values(), *MISSING.values()}:
        if value != "student":
            text = text.replace(value, "<id>")
    return told.status, re.sub(r"run_[0-9a-f]{32}", "<run>", text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(world: World) -> Caller:
    """A tenant that has one of everything, which none of these tests may change."""
    return await world.tenant("Northfield")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ids(world: World, owner: Caller) -> dict[str, str]:
    return await furnish(world, owner)


@pytest.mark.parametrize("route", BY_ID, ids=str)
async def test_what_is_anothers_looks_like_what_is_missing_and_stays_as_it_is(
    world: World, owner: Caller, ids: dict[str, str], stranger: Caller, route: Route
) -> None:
    foreign = await stranger(route.method, route.at(ids), route.body)
    missing = await stranger(route.method, route.at(MISSING), route.body)
    assert seen(foreign, ids) == seen(missing, ids)
    assert foreign.status == 404

    for path, version in ((f"/v1/endpoints/{ids['endpoint_id']}", 1), (f"/v1/connections/{ids['connection_id']}", 1)):
        assert (await owner("GET", path)).body["version"] == version
    assert [path for _, path, _ in world.neighbours.asked if stranger.tenant in path and owner.tenant in path] == []


@pytest.mark.parametrize("route", BY_ID, ids=str)
async def test_what_is_ones_own_is_there(world: World, tenant: Caller, route: Route) -> None:
    """The other half of the test above, which would say nothing if these ids were nobody's."""
    own = await furnish(world, tenant)
    told = await tenant(route.method, route.at(own), route.body, headers={"Prefer": "wait=0"})
    assert told.status != 404, told.raw


@pytest.mark.parametrize(("route", "name"), FILTERED, ids=str)
async def test_a_filter_by_anothers_id_finds_what_a_filter_by_a_missing_one_finds(
    ids: dict[str, str], stranger: Caller, route: Route, name: str
) -> None:
    places = {"type": "student"}
    foreign = await stranger("GET", f"{route.at(places)}?{name}={ids[NAMING[name]]}")
    missing = await stranger("GET", f"{route.at(places)}?{name}={MISSING[NAMING[name]]}")
    assert seen(foreign, ids) == seen(missing, ids)
    assert foreign.body["data"] == []


@pytest.mark.parametrize(
    "route", [route for route in tenant_routes() if route.method == "GET" and not route.names], ids=str
)
async def test_lists_hold_only_ones_own(owner: Caller, ids: dict[str, str], stranger: Caller, route: Route) -> None:
    told = await stranger("GET", route.path)
    assert told.status == 200
    for identifier in (ids["endpoint_id"], ids["connection_id"], ids["run_id"], owner.tenant):
        assert identifier.encode() not in told.raw


@pytest.mark.parametrize("route", BY_ID, ids=str)
async def test_a_crooked_id_leads_nowhere(
    world: World, owner: Caller, ids: dict[str, str], stranger: Caller, route: Route
) -> None:
    name = next(name for name in reversed(route.names) if name != "type")
    elsewhere = f"..%2F..%2F{owner.tenant}%2Fendpoints%2F{ids['endpoint_id']}"
    for crooked in (elsewhere, "%2e%2e", "..", "%00", "%24ne", "%ff", "a%0d%0ab", "x" * 3000):
        asked = len(world.neighbours.asked)
        told = await stranger(route.method, route.at(MISSING | {name: crooked}), route.body)
        assert 400 <= told.status < 500, (crooked, told.raw)
        assert not [path for _, path, _ in world.neighbours.asked[asked:] if owner.tenant in path]


async def test_a_cursor_of_another_tenant_opens_nothing(world: World, tenant: Caller, stranger: Caller) -> None:
    for _ in range(2):
        await furnish(world, tenant)
    for path in ("/v1/endpoints", "/v1/connections", "/v1/runs"):
        cursor = (await tenant("GET", f"{path}?limit=1")).body["next_cursor"]
        assert cursor is not None
        assert (await stranger("GET", f"{path}?cursor={cursor}")).body["data"] == []


async def test_an_institution_that_is_not_ones_own_does_not_exist(tenant: Caller, stranger: Caller) -> None:
    for institution in (tenant.tenant, MISSING["tenant_id"]):
        body = {"institutionId": institution, "provider": "MOODLE", "config": {"apiUrl": "https://m.example"}}
        told = await stranger("POST", "/integrations", body)
        assert (told.status, told.body["message"]) == (404, "There is no such institution.")
        assert (await stranger("GET", f"/integrations?institutionId={institution}")).body == []
