"""A face: the same machinery under another prefix, with errors in the shape that its document gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from pydantic import BaseModel

from edurelay.web.application import Face
from edurelay.web.problems import ErrorFormat, Problem
from unit.web.api import Api, Things, serving
from unit.web.held import Held


class FaceError(BaseModel):
    """An error as the face's document shows it."""

    success: bool = False
    error: str
    code: str


def render(problem: Problem) -> tuple[int, dict[str, Any]]:
    status = 400 if problem.status == 422 else problem.status
    return status, {"success": False, "error": problem.detail, "code": problem.code.upper()}


@pytest_asyncio.fixture(scope="module")
async def api() -> AsyncIterator[Api]:
    face = Face("old", [Things()], ErrorFormat(render, FaceError), prefix="/old")
    elsewhere = Face("elsewhere", [Held()], ErrorFormat(render, FaceError))
    async with serving([Things(), face, elsewhere]) as running:
        yield running


async def test_the_face_tells_problems_in_its_own_shape(api: Api) -> None:
    answer = await api.post("/old/v1/things", b"{}")
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json == {"success": False, "error": "name: Field required", "code": "INVALID_REQUEST"}


async def test_our_own_api_keeps_its_shape(api: Api) -> None:
    answer = await api.post("/v1/things", b"{}")
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")


async def test_what_does_not_exist_is_told_in_the_shape_of_where_it_was_looked_for(api: Api) -> None:
    assert (await api.call("GET", "/old/nothing")).json["code"] == "NOT_FOUND"
    assert (await api.call("GET", "/older")).json["code"] == "not_found"
    assert (await api.call("PUT", "/old/v1/things")).json["code"] == "METHOD_NOT_ALLOWED"
    assert (await api.call("PUT", "/v1/things")).json["code"] == "method_not_allowed"


async def test_a_wrong_method_is_told_in_the_shape_of_the_path_even_without_a_prefix(api: Api) -> None:
    assert (await api.call("GET", "/held/1")).json["code"] == "METHOD_NOT_ALLOWED"
