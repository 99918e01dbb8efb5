"""Calls between services: typed answers, refusals passed through, everything else an upstream that is unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr

from edurelay.runtime.tracing import continue_trace, current_traceparent
from edurelay.web.auth import InternalOnly
from edurelay.web.internal import InternalClient, UpstreamUnavailable, internal_path
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.problems import Problem
from unit.web.api import serving

TOKEN = SecretStr("internal-token")


class Count(BaseModel):
    """How many there are."""

    count: int


class CountQuery(BaseModel):
    """What to count."""

    kind: str | None = None
    deep: bool = False


class Counting:
    """What another service offers."""

    @operation(
        "GET",
        "/internal/tenants/{tenant}/count",
        summary="Count",
        tag="t",
        auth="internal",
        query=CountQuery,
        answers={200: Count},
    )
    async def count(self, call: Call[None, CountQuery]) -> Answer:
        """By tenant."""
        return Answer(body={"count": len(call.path["tenant"]), "kind": call.query.kind, "deep": call.query.deep})

    @operation("GET", "/internal/trace", summary="Trace", tag="t", auth="internal", answers={200: None})
    async def trace(self, _: Call[None, None]) -> Answer:
        """The trace that goes on here."""
        return Answer(body={"traceparent": current_traceparent()})

    @operation(
        "POST", "/internal/echo", summary="Echo", tag="t", auth="internal", body=dict[str, Any], answers={200: None}
    )
    async def echo(self, call: Call[dict[str, Any], None]) -> Answer:
        """What was sent."""
        return Answer(body=call.body)

    @operation("PUT", "/internal/echo", summary="Put", tag="t", auth="internal", body=Count, answers={200: Count})
    async def put(self, call: Call[Count, None]) -> Answer:
        """What was put."""
        return Answer(body=call.body)

    @operation("POST", "/internal/nothing", summary="Nothing", tag="t", auth="internal", answers={204: None})
    async def nothing(self, _: Call[None, None]) -> Answer:
        """Nothing."""
        return Answer(204)

    @operation("GET", "/internal/fail/{how}", summary="Fail", tag="t", auth="internal", answers={200: Count})
    async def fail(self, call: Call[None, None]) -> Answer | web.StreamResponse:
        """In several ways."""
        match call.path["how"]:
            case "conflict":
                raise Problem(409, "mapping_conflict", "It is taken.", field="external_id", errors=[], owner="x")
            case "log":
                raise Problem(503, "log_unavailable", "Not now.", headers={"Retry-After": "7"})
            case "bug":
                raise RuntimeError("bug")
            case "html":
                return web.Response(status=404, text="<h1>no</h1>")
            case "redirect":
                return web.Response(status=302, headers={"Location": "/internal/tenants/a/count"})
        return Answer(body={"unexpected": True})


@asynccontextmanager
async def client_of(token: SecretStr = TOKEN, **more: Any) -> AsyncIterator[InternalClient]:
    async with (
        serving([Counting()], authenticate=InternalOnly(TOKEN)) as api,
        InternalClient("counting", f"http://127.0.0.1:{api.port}/", token, **more) as client,
    ):
        yield client


async def test_an_answer_comes_back_as_its_type() -> None:
    async with client_of() as client:
        assert await client.get(internal_path("tenants", "a", "count"), Count) == Count(count=1)
        assert await client.put(internal_path("echo"), Count(count=3), Count) == Count(count=3)
        assert await client.post(internal_path("echo"), {"a": [1]}, dict[str, Any]) == {"a": [1]}
        await client.post(internal_path("nothing"))


@pytest.mark.parametrize("segment", ["a/b", "..", "é%2F", "?x=1#y", "a b+c", "%", "{guid}"])
async def test_any_id_can_stand_in_a_path(segment: str) -> None:
    async with client_of() as client:
        path = internal_path("tenants", segment, "count")
        assert await client.get(path, Count) == Count(count=len(segment))


async def test_a_query_leaves_out_what_is_none_and_keeps_any_text() -> None:
    async with client_of() as client:
        path = internal_path("tenants", "a", "count")
        assert (await client.get(path, dict[str, Any], query={"kind": None, "deep": True}))["deep"] is True
        assert (await client.get(path, dict[str, Any], query={"kind": "a&b=c%é+"}))["kind"] == "a&b=c%é+"


async def test_the_trace_goes_along() -> None:
    async with client_of() as client:
        with continue_trace(None) as traceparent:
            there = await client.get(internal_path("trace"), dict[str, str])
        assert there["traceparent"][3:35] == traceparent[3:35]


async def test_a_refusal_passes_through() -> None:
    async with client_of() as client:
        with pytest.raises(Problem) as refused:
            await client.get(internal_path("fail", "conflict"), Count)
    told = refused.value
    assert (told.status, told.code, told.detail, told.field) == (409, "mapping_conflict", "It is taken.", "external_id")
    assert (told.errors, told.extensions) == ([], {"owner": "x"})


async def test_an_unavailable_log_passes_through_with_its_delay() -> None:
    async with client_of() as client:
        with pytest.raises(Problem) as refused:
            await client.get(internal_path("fail", "log"), Count)
    assert (refused.value.code, refused.value.headers) == ("log_unavailable", {"Retry-After": "7"})


@pytest.mark.parametrize("how", ["bug", "html", "redirect", "strange"])
async def test_anything_unexpected_is_an_unavailable_upstream(how: str) -> None:
    async with client_of() as client:
        with pytest.raises(UpstreamUnavailable) as unavailable:
            await client.get(internal_path("fail", how), Count)
    assert (unavailable.value.status, unavailable.value.headers) == (503, {"Retry-After": "1"})


async def test_a_service_that_refuses_our_token_is_our_problem_not_the_clients() -> None:
    async with client_of(SecretStr("wrong")) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.get(internal_path("trace"), Count)


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    async with InternalClient("counting", "http://127.0.0.1:1", TOKEN) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.get(internal_path("trace"), Count)


async def test_a_service_that_does_not_answer_in_time_is_unavailable() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    done = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with InternalClient("counting", f"http://127.0.0.1:{port}", TOKEN, timeout=0.2) as client:
            with pytest.raises(UpstreamUnavailable):
                await client.get(internal_path("trace"), Count)
    finally:
        done.set()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic internal-token", "Bearer wrong\xff"])
async def test_only_siblings_get_in(authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization is not None else {}
    async with serving([Counting()], authenticate=InternalOnly(TOKEN)) as api:
        answer = await api.call("GET", "/internal/trace", key=None, headers=headers)
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
