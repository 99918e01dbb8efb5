"""Publishing events, and looking up where they went."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from edurelay_client.models import Event, EventOutcome, EventSummary, NewEvent, Page
from edurelay_client.resources.base import Resource, at, stretch


class Events(Resource):
    """`/v1/events`"""

    async def publish(
        self,
        type: str,  # noqa: A002  the API's word
        data: dict[str, Any],
        *,
        id: str | None = None,  # noqa: A002
        subject: str | None = None,
        time: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Publish one event; return its id once it is durable."""
        event = NewEvent(type=type, data=data, id=id, subject=subject, time=time)
        body = event.model_dump(exclude_none=True) | {"data": data}
        return str(
            (await self._transport.call("POST", at("events"), body=body, idempotency_key=idempotency_key)).body["id"]
        )

    async def publish_batch(
        self, events: Sequence[NewEvent], *, idempotency_key: str | None = None
    ) -> list[EventOutcome]:
        """Publish up to 1,000 events; return what became of each, in their order."""
        body = {"events": [event.model_dump(exclude_none=True) | {"data": event.data} for event in events]}
        answer = await self._transport.call("POST", at("events"), body=body, idempotency_key=idempotency_key)
        return [EventOutcome.model_validate(each) for each in answer.body["data"]]

    async def get(self, event_id: str) -> Event:
        """Return an event with its data and its deliveries."""
        return await self._get(at("events", event_id), Event)

    async def page(
        self,
        *,
        type: str | None = None,  # noqa: A002
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[EventSummary]:
        """Return one page, the newest first. It may hold fewer than `limit`, or none, and more are behind it as long
        as it has a `next_cursor`."""
        query = {"type": type, "subject": subject, **stretch(since, until), "limit": limit, "cursor": cursor}
        return await self._page(at("events"), EventSummary, query)

    def every(
        self,
        *,
        type: str | None = None,  # noqa: A002
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[EventSummary]:
        """Yield all, the newest first."""
        query = {"type": type, "subject": subject, **stretch(since, until), "limit": 1000}
        return self._every(at("events"), EventSummary, query)
