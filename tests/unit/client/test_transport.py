"""The client against a small real server that answers as a script says."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web

from edurelay_client import (
    Client,
    InvalidRequest,
    KeyReused,
    NewEvent,
    NotFound,
    NotReachable,
    RetryPolicy,
    SyncInProgress,
    Unauthorized,
    Unavailable,
)

Respond = Callable[[web.Request], web.Response | None]

QUICK = RetryPolicy(attempts=4, seconds=10)


@dataclass
class Scripted:
    """Answers each request with the next response; None cuts the connection."""

    url: str = ""
    responses: list[web.Response | None] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = orjson.loads(raw) if raw else None
        self.seen.append((request.method, request.path_qs, dict(request.headers), body))
        response = self.responses.pop(0)
        if response is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return response


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", scripted.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield scripted
    await runner.cleanup()


def problem(status: int, code: str, headers: dict[str, str] | None = None, **further: Any) -> web.Response:
    body = {"type": "about:blank", "title": "t", "status": status, "code": code, "detail": "d", **further}
    return web.Response(
        status=status, body=orjson.dumps(body), headers=headers, content_type="application/problem+json"
    )


def answer(body: Any, status: int = 202) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


async def test_a_repeated_publish_carries_the_same_key_and_the_same_body(server: Scripted) -> None:
    server.responses = [None, problem(503, "not_confirmed", {"Retry-After": "0"}), answer({"id": "evt_1"})]
    async with Client(server.url, "edr_key", retries=QUICK) as client:
        assert await client.events.publish("a.b", {"n": None}, subject="s") == "evt_1"

    keys = {headers["Idempotency-Key"] for _, _, headers, _ in server.seen}
    bodies = [body for _, _, _, body in server.seen]
    assert len(server.seen) == 3
    assert len(keys) == 1
    assert bodies == [{"type": "a.b", "data": {"n": None}, "subject": "s"}] * 3
    assert server.seen[0][2]["Authorization"] == "Bearer edr_key"


async def test_two_calls_never_share_a_key(server: Scripted) -> None:
    server.responses = [answer({"id": "evt_1"}), answer({"id": "evt_2"})]
    async with Client(server.url, "k") as client:
        await client.events.publish("a", {})
        await client.events.publish("a", {})
    assert server.seen[0][2]["Idempotency-Key"] != server.seen[1][2]["Idempotency-Key"]


async def test_the_caller_may_choose_the_key(server: Scripted) -> None:
    server.responses = [answer({"id": "evt_1"})]
    async with Client(server.url, "k") as client:
        await client.events.publish("a", {}, idempotency_key="mine")
    assert server.seen[0][2]["Idempotency-Key"] == "mine"


async def test_what_does_not_pass_ends_as_what_the_api_said_last(server: Scripted) -> None:
    server.responses = [problem(503, "not_confirmed", {"Retry-After": "0"}) for _ in range(4)]
    async with Client(server.url, "k", retries=QUICK) as client:
        with pytest.raises(Unavailable) as caught:
            await client.events.publish("a", {})
    assert caught.value.code == "not_confirmed"
    assert len(server.seen) == 4


async def test_a_wait_that_is_asked_for_and_too_long_is_not_begun(server: Scripted) -> None:
    server.responses = [problem(503, "overloaded", {"Retry-After": "3600"})]
    async with Client(server.url, "k", retries=QUICK) as client:
        with pytest.raises(Unavailable):
            await client.events.publish("a", {})
    assert len(server.seen) == 1


async def test_a_call_that_waits_for_its_own_first_attempt_gets_that_ones_answer(server: Scripted) -> None:
    server.responses = [
        None,
        problem(409, "idempotency_key_in_use", {"Retry-After": "0"}),
        answer({"id": "evt_1"}),
    ]
    async with Client(server.url, "k", retries=QUICK) as client:
        assert await client.events.publish("a", {}) == "evt_1"


async def test_where_nobody_listens_the_error_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with Client(url, "k", retries=RetryPolicy(attempts=2, seconds=5)) as client:
        with pytest.raises(NotReachable):
            await client.runs.get("run_1")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (lambda: problem(401, "unauthenticated"), Unauthorized),
        (lambda: problem(403, "admin_required"), Unauthorized),
        (lambda: problem(404, "not_found"), NotFound),
        (lambda: problem(422, "invalid_request", field="streams"), InvalidRequest),
        (lambda: problem(400, "malformed_json"), InvalidRequest),
        (lambda: problem(422, "idempotency_key_reused"), KeyReused),
        (lambda: problem(409, "SYNC_IN_PROGRESS", active_run_id="run_9"), SyncInProgress),
    ],
)
async def test_errors_are_typed_by_their_code_and_not_tried_again(
    server: Scripted, response: Callable[[], web.Response], kind: type[Exception]
) -> None:
    server.responses = [response()]
    async with Client(server.url, "k", retries=QUICK) as client:
        with pytest.raises(kind) as caught:
            await client.connections.start_run("c")
    assert type(caught.value) is kind
    assert len(server.seen) == 1


async def test_an_error_names_the_field_and_the_active_run(server: Scripted) -> None:
    server.responses = [
        problem(409, "SYNC_IN_PROGRESS", active_run_id="run_9"),
        problem(422, "invalid_request", field="streams[0]"),
    ]
    async with Client(server.url, "k") as client:
        with pytest.raises(SyncInProgress) as busy:
            await client.connections.start_run("c")
        with pytest.raises(InvalidRequest) as invalid:
            await client.connections.start_run("c")
    assert busy.value.active_run_id == "run_9"
    assert invalid.value.field == "streams[0]"


async def test_a_page_of_a_proxy_is_an_error_like_any_other(server: Scripted) -> None:
    server.responses = [web.Response(status=404, text="<html>nginx</html>")]
    async with Client(server.url, "k") as client:
        with pytest.raises(NotFound):
            await client.runs.get("run_1")


async def test_a_deletion_whose_answer_got_lost_is_done(server: Scripted) -> None:
    # aiohttp itself sends an idempotent request once more, so that two answers have to get lost.
    server.responses = [None, None, problem(404, "not_found")]
    async with Client(server.url, "k", retries=QUICK) as client:
        await client.endpoints.delete("ep_1")


async def test_a_deletion_of_what_never_was_is_an_error(server: Scripted) -> None:
    server.responses = [problem(404, "not_found")]
    async with Client(server.url, "k", retries=QUICK) as client:
        with pytest.raises(NotFound):
            await client.endpoints.delete("ep_1")


async def test_all_pages_are_read_one_after_the_other(server: Scripted) -> None:
    def event(number: int) -> dict[str, str]:
        return {"id": f"evt_{number}", "type": "a", "time": "t", "source": "s"}

    server.responses = [
        answer({"data": [event(1), event(2)], "next_cursor": "more"}, 200),
        answer({"data": [event(3)], "next_cursor": None}, 200),
    ]
    async with Client(server.url, "k") as client:
        found = [each.id async for each in client.events.every(type="a")]
    assert found == ["evt_1", "evt_2", "evt_3"]
    assert "cursor=more" in server.seen[1][1]


async def test_the_outcomes_of_a_batch_come_in_its_order(server: Scripted) -> None:
    error = {"code": "invalid_request", "detail": "d", "field": "events[1].type"}
    server.responses = [answer({"data": [{"id": "evt_1", "error": None}, {"id": None, "error": error}]})]
    async with Client(server.url, "k") as client:
        first, second = await client.events.publish_batch([NewEvent(type="a", data={}), NewEvent(type="b b", data={})])
    assert first.id == "evt_1"
    assert second.error is not None
    assert second.error.field == "events[1].type"


async def test_ids_are_quoted_so_that_they_cannot_lead_elsewhere(server: Scripted) -> None:
    server.responses = [problem(404, "not_found")]
    async with Client(server.url, "k") as client:
        with pytest.raises(NotFound):
            await client.runs.get("../endpoints?x=1")
    assert server.seen[0][1] == "/v1/runs/..%2Fendpoints%3Fx=1"


async def test_what_was_not_said_is_not_sent_and_null_can_be_said(server: Scripted) -> None:
    server.responses = [problem(404, "not_found")]
    async with Client(server.url, "k") as client:
        with pytest.raises(NotFound):
            await client.endpoints.change("ep_1", rate_per_second=None)
    assert server.seen[0][3] == {"rate_per_second": None}


async def test_waiting_is_asked_for_by_prefer(server: Scripted) -> None:
    server.responses = [problem(404, "not_found")]
    async with Client(server.url, "k") as client:
        with pytest.raises(NotFound):
            await client.connections.start_run("c", wait=20)
    assert server.seen[0][2]["Prefer"] == "wait=20"
