"""Serving: connections outlive bad requests, slow bodies are not waited for, a stop answers what is under way."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientConnectorError, web

from edurelay.runtime.health import Readiness
from edurelay.web.body import read_body
from edurelay.web.problems import Problem, problem_json
from edurelay.web.route import tell
from edurelay.web.server import serve
from unit.web.api import Api, serving
from unit.web.held import Held


async def test_a_request_under_way_is_answered_while_the_server_stops() -> None:
    held = Held()
    async with asyncio.TaskGroup() as group:
        async with serving([held]) as api:
            waiting = group.create_task(api.call("POST", "/held/1"))
            await held.entered.wait()
            stopped_soon = group.create_task(_release_when_refused(api, held))
            # Leaving the context stops the server, with the request still under way.
        await stopped_soon
    assert waiting.result().json == {"call": 1}


async def _release_when_refused(api: Api, held: Held) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", api.port)
            except ConnectionError:
                break
            writer.close()
            await asyncio.sleep(0.01)
    held.release.set()


async def test_a_connection_outlives_a_body_that_was_too_large(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = b"Host: x\r\nAuthorization: Bearer key-of-a\r\n"
    large = b"x" * 300_000
    post = b"POST /v1/things HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nContent-Length: 300000\r\n\r\n"
    statuses = []
    for request in (post + large, b"GET /v1/things/1 HTTP/1.1\r\n" + head + b"\r\n"):
        writer.write(request)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        statuses.append(answer.split()[1])
        length = next(line for line in answer.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split()[1]))
    writer.close()
    assert statuses == [b"413", b"200"]


async def test_a_body_that_does_not_come_is_a_408_on_a_connection_that_goes_no_further() -> None:
    async def slow(request: web.Request) -> web.Response:
        try:
            await read_body(request, 100, within=0.1)
        except Problem as problem:
            return tell(problem, problem_json)
        return web.Response()

    application = web.Application()
    application.router.add_post("/", slow)
    async with serve(application, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer
    assert b'"code":"body_timeout"' in answer


async def test_a_client_that_goes_away_in_the_middle_of_a_body_disturbs_nobody(api: Api) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"POST /in/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await api.call("GET", "/v1/things/1")).status == 200


async def test_a_stopped_server_accepts_nobody() -> None:
    async with serving([], readiness=Readiness()) as api:
        assert (await api.call("GET", "/livez")).status == 200
        port = api.port
    with pytest.raises((ConnectionError, ClientConnectorError)):
        await asyncio.open_connection("127.0.0.1", port)
