"""What all kinds of things share: a way to the API, and lists in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from edurelay_client.models import Model, Page
from edurelay_client.transport import Answer, Transport

M = TypeVar("M", bound=Model)

Query = Mapping[str, str | int | None]


class Resource:
    """One part of the API."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _get(self, path: str, model: type[M]) -> M:
        return model.model_validate((await self._transport.call("GET", path)).body)

    async def _post(self, path: str, model: type[M], body: object = None, *, idempotency_key: str | None = None) -> M:
        answer = await self._transport.call("POST", path, body=body, idempotency_key=idempotency_key)
        return model.model_validate(answer.body)

    async def _patch(self, path: str, model: type[M], body: object) -> M:
        return model.model_validate((await self._transport.call("PATCH", path, body=body)).body)

    async def _delete(self, path: str) -> Answer:
        return await self._transport.call("DELETE", path)

    async def _page(self, path: str, model: type[M], query: Query) -> Page[M]:
        answer = (await self._transport.call("GET", path, query=query)).body
        return Page(data=[model.model_validate(each) for each in answer["data"]], next_cursor=answer.get("next_cursor"))

    async def _every(self, path: str, model: type[M], query: Query) -> AsyncIterator[M]:
        """Yield the entries of all pages."""
        cursor: str | None = None
        while True:
            page = await self._page(path, model, {**query, "cursor": cursor})
            for entry in page.data:
                yield entry
            cursor = page.next_cursor
            if cursor is None:
                return


def at(*segments: str) -> str:
    """Return a path with its ids quoted."""
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def given(**values: Any) -> dict[str, Any]:
    """Return what was given: `Ellipsis` stands for what was not, so that None can be said."""
    return {name: value for name, value in values.items() if value is not ...}


def stretch(since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    """Return a stretch of time as the API takes it; both ends have a time zone."""
    return {
        "since": since.isoformat() if since is not None else None,
        "until": until.isoformat() if until is not None else None,
    }
