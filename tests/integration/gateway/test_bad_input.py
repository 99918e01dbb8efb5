"""Bad input gets a clear error, on every route that takes a body or a parameter, and harms nobody."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import pytest_asyncio

from integration.gateway.routes import MISSING, Route, all_routes, furnish, tenant_routes
from integration.gateway.world import ADMIN_TOKEN, INTERNAL_TOKEN, Caller, Told, World

TAKING = [route for route in all_routes() if route.takes_json]

DEEP = b'{"x":' * 10_000 + b"1" + b"}" * 10_000

#: Bytes that are no acceptable JSON body for anything: with the codes that may be given for them.
RAW: dict[str, tuple[bytes, set[str]]] = {
    "malformed": (b'{"type": "a",', {"malformed_json"}),
    "bare word": (b"hello", {"malformed_json"}),
    "two values": (b"{}{}", {"malformed_json"}),
    "not an object": (b"[]", {"invalid_request"}),
    "a text": (b'"x"', {"invalid_request"}),
    "null": (b"null", {"invalid_request"}),
    "5 MB": (b'{"x":"' + b"y" * 5_000_000 + b'"}', {"too_large"}),
    "depth 10,000": (DEEP, {"too_deep"}),
    "depth 100": (b'{"x":' * 100 + b"1" + b"}" * 100, {"too_deep"}),
    "100,000 values": (b"[" + b"1," * 100_000 + b"1]", {"too_many_values"}),
    "NaN": (b'{"x": NaN}', {"malformed_json"}),
    "infinity": (b'{"x": 1e999}', {"malformed_json", "number_out_of_range"}),
    "2^63": (b'{"x": 9223372036854775808}', {"integer_out_of_range"}),
    "2^200": (b'{"x": 1606938044258990275541962092341162602522202993782792835301376}', {"integer_out_of_range"}),
    "NUL": (b'{"x": "a\\u0000b"}', {"nul_character"}),
    "NUL in a name": (b'{"a\\u0000b": 1}', {"forbidden_key"}),
    "lone surrogate": (b'{"x": "\\ud800"}', {"malformed_json"}),
    "invalid UTF-8": (b'{"x": "\xff\xfe"}', {"malformed_json"}),
    "UTF-16": ('{"x": 1}'.encode("utf-16"), {"malformed_json"}),
    "byte order mark": (b"\xef\xbb\xbf{}", {"malformed_json"}),
    "$ key": (b'{"$where": "1"}', {"forbidden_key"}),
    "$ key within": (b'{"x": {"y": [{"$gt": ""}]}}', {"forbidden_key"}),
    "dotted key": (b'{"a.b": 1}', {"forbidden_key"}),
    "unknown field": (b'{"surely_unknown": 1}', {"invalid_request"}),
}

#: Values that fit no field of any body.
WRONG: dict[str, Any] = {
    "a number": 7,
    "a negative number": -1,
    "a true": True,
    "a text": "\u202e wrong",
    "an empty text": "",
    "a long text": "x" * 20_000,
    "a list": [[]],
    "an object": {"wrong": {"wrong": 1}},
    "null": None,
}


def caller_of(world: World, tenant: Caller, route: Route) -> Caller:
    match route.auth:
        case "adminToken":
            return world.with_token(ADMIN_TOKEN)
        case "internalToken":
            return world.with_token(INTERNAL_TOKEN)
    return tenant


def assert_clear(told: Told) -> str:
    """Hold an error to its shape, ours or the face's, and return its code."""
    assert 400 <= told.status < 500, (told.status, told.raw[:500])
    body = told.body
    if told.headers["Content-Type"] == "application/problem+json":
        assert (body["type"], body["status"]) == ("about:blank", told.status)
        assert body["title"]
        assert body["detail"]
    else:
        assert body["statusCode"] == told.status
        assert body["message"]
        assert body["error"]
    assert len(told.raw) < 20_000
    return str(body["code"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tenant(world: World) -> Caller:
    """One tenant for all of these tests: nothing of what is refused may have an effect that the next one sees."""
    return await world.tenant("Northfield")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ids(world: World, tenant: Caller) -> dict[str, str]:
    return MISSING | await furnish(world, tenant) | {"tenant_id": tenant.tenant}


def right_body(route: Route, tenant: Caller) -> Any:
    if route.id == "integrations_create_integration":
        return {**route.body, "institutionId": tenant.tenant}
    return route.body


@pytest.mark.parametrize("route", TAKING, ids=str)
async def test_a_body_that_is_no_good_is_refused_with_its_field_and_the_next_good_one_taken(
    world: World, tenant: Caller, ids: dict[str, str], route: Route
) -> None:
    caller, path = caller_of(world, tenant, route), route.at(ids)
    for name, (raw, codes) in RAW.items():
        told = await caller(route.method, path, raw=raw)
        assert assert_clear(told) in codes, (name, told.raw)
        assert told.body.get("field"), (name, told.raw)
    good = await caller(route.method, path, right_body(route, tenant), headers={"Prefer": "wait=0"})
    assert good.status < 400 or good.body["code"] in ("SYNC_IN_PROGRESS", "unsupported_by_provider"), good.raw


@pytest.mark.parametrize("route", TAKING, ids=str)
async def test_no_wrong_value_in_any_field_does_more_than_be_refused(
    world: World, tenant: Caller, ids: dict[str, str], route: Route
) -> None:
    caller, path = caller_of(world, tenant, route), route.at(ids)
    for field in right_body(route, tenant):
        for name, value in WRONG.items():
            body = {**right_body(route, tenant), field: value}
            told = await caller(route.method, path, body, headers={"Prefer": "wait=0"})
            if told.status >= 400:
                assert_clear(told)
            assert told.status < 500, (field, name, told.raw)


@pytest.mark.parametrize("route", TAKING, ids=str)
async def test_a_body_of_another_kind_is_refused(
    world: World, tenant: Caller, ids: dict[str, str], route: Route
) -> None:
    caller, path = caller_of(world, tenant, route), route.at(ids)
    raw = orjson.dumps(right_body(route, tenant))
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        told = await caller(route.method, path, raw=raw, headers={"Content-Type": content_type})
        assert assert_clear(told) == "unsupported_media_type", content_type
    told = await caller(route.method, path, raw=raw, headers={"Content-Encoding": "gzip"})
    assert assert_clear(told) == "unsupported_encoding"


@pytest.mark.parametrize("route", [route for route in TAKING if route.body_required], ids=str)
async def test_a_missing_body_is_asked_for(world: World, tenant: Caller, ids: dict[str, str], route: Route) -> None:
    told = await caller_of(world, tenant, route)(route.method, route.at(ids), raw=b"")
    assert assert_clear(told) in ("body_required", "unsupported_media_type")


@pytest.mark.parametrize("route", [route for route in tenant_routes() if route.method == "GET"], ids=str)
async def test_a_parameter_that_makes_no_sense_is_refused(
    world: World, tenant: Caller, ids: dict[str, str], route: Route
) -> None:
    path = route.at(ids)
    crooked = ["%00", "%24ne", "%ff%fe", "..%2F..", "x" * 6000, "%F0%9F%92%A9", "a%0Ab", "", "-1", "%7B%7D"]
    for name in (*route.query, "surely_unknown"):
        for value in crooked:
            told = await tenant("GET", f"{path}?{name}={value}")
            if told.status >= 400:
                assert_clear(told)
            assert told.status < 500, (name, value, told.raw)
    assert assert_clear(await tenant("GET", f"{path}?surely_unknown=1")) == "unknown_parameter"
    if "limit" in route.query:
        for value in ("0", "1001", "x", "1&limit=2", "1e3", ""):
            assert_clear(await tenant("GET", f"{path}?limit={value}"))
        for cursor in ("x", "e30", "WzFd", "W10", "WyJhIiwiYiJd", "bnVsbA"):
            told = await tenant("GET", f"{path}?cursor={cursor}")
            assert told.status < 500


async def test_unknown_routes_and_methods_are_told_in_the_shape_of_their_api(world: World, tenant: Caller) -> None:
    for path in ("/v1/nothing", "/", "/v1/endpoints/x/y/z", "/v2/events", "/%00"):
        assert assert_clear(await tenant("GET", path)) == "not_found"
    assert assert_clear(await tenant("PUT", "/v1/endpoints", {})) == "method_not_allowed"
    face = await tenant("PUT", "/integrations", {})
    assert assert_clear(face) == "method_not_allowed"
    assert face.body["statusCode"] == 405


async def test_health_documents_and_metrics_need_no_key(world: World) -> None:
    assert (await world.anybody("GET", "/livez")).status == 200
    ready = await world.anybody("GET", "/readyz")
    assert (ready.status, ready.body["checks"]) == (200, {"kafka": "ok", "mongo": "ok", "running": "ok"})
    assert (await world.anybody("GET", "/openapi.json")).body["openapi"].startswith("3.1")
    assert b"<" in (await world.anybody("GET", "/docs")).raw
    assert b"edurelay_http_requests_total" in (await world.anybody("GET", "/metrics")).raw
