"""Errors: problems with a stable code, from a table, in the shape of the API that was called."""

from __future__ import annotations

import pytest

from unit.web.api import Api


async def test_a_problem_is_told_with_its_members(api: Api) -> None:
    answer = await api.post("/v1/things", b'{"name":"taken"}')
    assert answer.status == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "name_taken",
        "detail": "There is a thing of this name.",
        "field": "name",
        "holder": "somebody",
    }


async def test_an_exception_is_told_as_the_table_says(api: Api) -> None:
    answer = await api.post("/v1/things", b'{"name":"down"}')
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "log_unavailable", "1")


async def test_any_other_exception_is_our_fault_and_its_text_stays_here(api: Api) -> None:
    answer = await api.post("/v1/things", b'{"name":"broken"}')
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert b"canary" not in answer.raw


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/v1/things/", "/v1/things/1/2/3", "/V1/things"])
async def test_an_unknown_path_is_a_404_problem(api: Api, path: str) -> None:
    answer = await api.call("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(api: Api) -> None:
    answer = await api.call("PUT", "/v1/things/1")
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD"


async def test_a_path_with_a_nul_is_nothing_that_exists(api: Api) -> None:
    answer = await api.call("GET", "/v1/things/a%00b")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
