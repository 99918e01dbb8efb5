"""Lists in pages: `limit` and an opaque `cursor` in, `{data, next_cursor}` out."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, Field

from edurelay.web.gate import JsonRejected, parse_json
from edurelay.web.problems import Problem

T = TypeVar("T")

CursorValue = str | int | float


class PageQuery(BaseModel):
    """The query parameters of every list."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many to return at most")
    cursor: str | None = Field(default=None, max_length=4096, description="`next_cursor` of the page before")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    data: list[T]
    next_cursor: str | None = None


def encode_cursor(*values: CursorValue) -> str:
    """Return a cursor that says after which entry to go on, by the values of its sort key."""
    return urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *types: type[CursorValue]) -> list[Any]:
    """Return the values of a cursor, exactly one of each type, so that no object can slip into a store's filter.
    Raises a 400 problem for anything that `encode_cursor` did not make of such values."""
    try:
        values = parse_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, JsonRejected):
        values = None
    if not isinstance(values, list) or [type(value) for value in values] != list(types):
        raise Problem(400, "invalid_cursor", "This is no cursor of this list; leave it out to begin.", field="cursor")
    return values
