"""Deliveries: what became of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from edurelay_client.models import Attempt, Delivery, Page
from edurelay_client.resources.base import Resource, at, stretch


class Deliveries(Resource):
    """`/v1/deliveries`"""

    async def get(self, delivery_id: str) -> Delivery:
        """Return a delivery."""
        return await self._get(at("deliveries", delivery_id), Delivery)

    async def page(
        self,
        *,
        endpoint: str | None = None,
        event: str | None = None,
        type: str | None = None,  # noqa: A002  the API's word
        subject: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Return one page, the newest first within each endpoint. It may hold fewer than `limit`, or none, and more
        are behind it as long as it has a `next_cursor`."""
        wanted = _wanted(endpoint, event, type, subject, status, since, until)
        return await self._page(at("deliveries"), Delivery, wanted | {"limit": limit, "cursor": cursor})

    def every(
        self,
        *,
        endpoint: str | None = None,
        event: str | None = None,
        type: str | None = None,  # noqa: A002
        subject: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[Delivery]:
        """Yield all, the newest first within each endpoint."""
        wanted = _wanted(endpoint, event, type, subject, status, since, until)
        return self._every(at("deliveries"), Delivery, wanted | {"limit": 1000})

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """Return the attempts, the first one first."""
        return (await self._page(at("deliveries", delivery_id, "attempts"), Attempt, {})).data

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Deliver once more."""
        return await self._post(at("deliveries", delivery_id, "redeliver"), Delivery)

    async def skip(self, delivery_id: str) -> Delivery:
        """Give up one that is pending or parked, so that what waits for it goes on."""
        return await self._post(at("deliveries", delivery_id, "skip"), Delivery)


def _wanted(
    endpoint: str | None,
    event: str | None,
    type_: str | None,
    subject: str | None,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, str | int | None]:
    return {
        "endpoint": endpoint,
        "event": event,
        "type": type_,
        "subject": subject,
        "status": status,
        **stretch(since, until),
    }
