"""Pages of what is kept here: the newest first, the cursor being the last entry's moment and id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from edurelay.web.paging import PageQuery, decode_cursor, encode_cursor
from edurelay_gateway.tenancy import After


class Listed(Protocol):
    """What has a place in a list."""

    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> str: ...


T = TypeVar("T", bound=Listed)


def after(query: PageQuery) -> After | None:
    """Return behind what the page begins. Raises a 400 problem for a cursor that is none of ours."""
    if query.cursor is None:
        return None
    moment, identifier = decode_cursor(query.cursor, str, str)
    return moment, identifier


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], str | None]:
    """Return the page, and the cursor of the next one, from `limit` entries and one more where there is one."""
    if len(found) <= limit:
        return found, None
    page = found[:limit]
    return page, encode_cursor(page[-1].created_at, page[-1].id)
