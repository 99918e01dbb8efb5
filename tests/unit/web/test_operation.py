"""What an operation takes and answers, over a real socket."""

from __future__ import annotations

import pytest

from unit.web.api import Api

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_checked_body_comes_in_and_a_model_goes_out(api: Api) -> None:
    answer = await api.post("/v1/things", b'{"name":"x","since":"2026-01-31T08:00:00Z","parts":[{"size":3}]}')
    assert answer.status == 201
    assert answer.json["parts"] == [{"size": 3, "note": None}]
    assert answer.json["since"] == "2026-01-31T08:00:00Z"
    assert answer.headers["Location"] == "/v1/things/1"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_path_parameters_are_decoded_and_the_tenant_is_the_callers(api: Api) -> None:
    answer = await api.call("GET", "/v1/things/a%2Fb%20%C3%A9", key="key-of-b")
    assert answer.json == {"id": "a/b é", "tenant": "tenant-b"}


async def test_an_answer_may_be_empty(api: Api) -> None:
    answer = await api.call("DELETE", "/v1/things/1")
    assert (answer.status, answer.raw) == (204, b"")


async def test_head_is_answered_like_get(api: Api) -> None:
    answer = await api.call("HEAD", "/v1/things/1")
    assert (answer.status, answer.raw) == (200, b"")


async def test_a_body_that_may_be_left_out_counts_as_an_empty_object(api: Api) -> None:
    refused = await api.call("POST", "/v1/things/1/start")
    assert (refused.status, refused.json["field"]) == (422, "size")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=5", 5), ('respond-async, wait="7"', 7), ("WAIT = 99", 30), ("wait=soon", 0), ("wait=-1", 0), ("", 0)],
)
async def test_a_client_may_say_how_long_it_would_wait(api: Api, prefer: str, seconds: float) -> None:
    answer = await api.post("/v1/things/1/start", b'{"size":1}', headers={"Prefer": prefer})
    assert answer.json == {"waited": seconds, "size": 1}


async def test_a_raw_body_is_handed_over_as_it_came(api: Api) -> None:
    answer = await api.call(
        "POST", "/in/1?any=thing", key=None, data=b"\xff\x00{", headers={"Content-Type": "text/plain"}
    )
    assert (answer.status, answer.json) == (202, {"size": 3, "caller": "none"})


async def test_a_body_that_no_operation_declares_is_ignored(api: Api) -> None:
    answer = await api.call("DELETE", "/v1/things/1", data=b"{" * 1000)
    assert answer.status == 204


async def test_an_unknown_key_gets_401_and_a_missing_one_too(api: Api) -> None:
    for key in ("nobody's", None):
        answer = await api.call("GET", "/v1/things/1", key=key)
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_key_that_may_not_gets_403(api: Api) -> None:
    answer = await api.call("GET", "/v1/report")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_authentication_comes_before_reading(api: Api) -> None:
    answer = await api.post("/v1/things", b"x" * 5_000_000, key="nobody's")
    assert answer.status == 401


async def test_requests_are_counted_by_operation_and_status(api: Api) -> None:
    await api.call("GET", "/v1/things/1")
    shown = (await api.call("GET", "/metrics")).raw.decode()
    assert 'edurelay_http_requests_total{operation="get_thing",status="200"}' in shown
    assert 'edurelay_http_request_seconds_count{operation="get_thing"}' in shown
