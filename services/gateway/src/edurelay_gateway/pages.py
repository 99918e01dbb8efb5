"""Pages of what is kept here: the newest first, the cursor being the last entry's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from edurelay.web.paging import PageQuery, decode_cursor, encode_cursor
from edurelay_gateway.tenancy import place


class Listed(Protocol):
    """What has a place in a list."""

    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> str: ...


T = TypeVar("T", bound=Listed)


def after(query: PageQuery) -> str | None:
    """Return behind which place the page begins. Raises a 400 problem for a cursor that is none of ours."""
    return str(decode_cursor(query.cursor, str)[0]) if query.cursor is not None else None


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], str | None]:
    """Return the page, and the cursor of the next one, from `limit` entries and one more where there is one."""
    if len(found) <= limit:
        return found, None
    page = found[:limit]
    return page, encode_cursor(place(page[-1].created_at, page[-1].id))
