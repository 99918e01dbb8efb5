"""How this face tells errors: `{statusCode, message, error, code, field}`.

The document leaves the shape open. The first three are what clients of such an API look for; `code` is the stable
code of our own API, and `field` is there where one field is wrong. `SYNC_IN_PROGRESS` comes with `activeRunId`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from edurelay.web.problems import ErrorFormat, Problem


class IntegrationError(BaseModel):
    """What went wrong."""

    statusCode: int = Field(description="The HTTP status once more.")  # noqa: N815
    message: str
    error: str = Field(description="The name of the status.")
    code: str = Field(description="Stable, for programs.")
    field: str | None = None
    activeRunId: str | None = Field(default=None, description="With SYNC_IN_PROGRESS: the run.")  # noqa: N815


def _render(problem: Problem) -> tuple[int, Any]:
    told = IntegrationError(
        statusCode=problem.status,
        message=problem.detail,
        error=HTTPStatus(problem.status).phrase,
        code=problem.code,
        field=problem.field,
        activeRunId=problem.extensions.get("active_run_id"),
    )
    return problem.status, told.model_dump(exclude_none=True)


INTEGRATION_ERRORS = ErrorFormat(_render, IntegrationError)
