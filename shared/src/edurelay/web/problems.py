"""What went wrong, told to a client: RFC 9457 problems with a stable `code`, or the same in a face's own shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from edurelay.runtime.logging import get_logger

_log = get_logger(__name__)


class Problem(Exception):
    """An answer that is an error. `code` is stable and for programs, `detail` is for people and holds no input.

    `field` is the path of what is wrong (`events[2].type`, a parameter's or a header's name); `errors` lists more
    than one; `extensions` become further members of the body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = extensions


class FieldError(BaseModel):
    """One of several things that are wrong with a request."""

    field: str = Field(description="Path of the field, such as `events[2].type`")
    code: str
    detail: str


class ProblemBody(BaseModel):
    """RFC 9457: what went wrong. `code` is stable."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    errors: list[FieldError] | None = None


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """The shape that an API gives its errors: `render` returns status and body, `model` describes the body."""

    render: Callable[[Problem], tuple[int, Any]]
    model: type[BaseModel]
    content_type: str = "application/json"


def _render_problem(problem: Problem) -> tuple[int, dict[str, Any]]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.field is not None:
        body["field"] = problem.field
    if problem.errors is not None:
        body["errors"] = problem.errors
    return problem.status, body | problem.extensions


problem_json = ErrorFormat(_render_problem, ProblemBody, "application/problem+json")

#: How a service's own exceptions are told, by their type; the nearest base class that is listed counts.
ErrorTable = Mapping[type[Exception], Callable[[Exception], Problem]]


def problem_of(error: Exception, table: ErrorTable) -> Problem:
    """Return the problem that `error` is, or that `table` makes of it; anything else is our own fault, and logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        code = HTTPStatus(error.status).name.lower()
        return Problem(error.status, code, error.reason)
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind](error)
    _log.error("a request failed", exc_info=error)
    return Problem(500, "internal_error", "Something went wrong here; the request may or may not have had an effect.")
