"""Deliveries: what became of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from edurelay_client.models import Attempt, Delivery, Page
from edurelay_client.resources.base import Resource, at


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
        status: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Return one page, the newest first."""
        query = {"endpoint": endpoint, "event": event, "status": status, "limit": limit, "cursor": cursor}
        return await self._page(at("deliveries"), Delivery, query)

    def every(
        self, *, endpoint: str | None = None, event: str | None = None, status: str | None = None
    ) -> AsyncIterator[Delivery]:
        """Yield all, the newest first."""
        query = {"endpoint": endpoint, "event": event, "status": status, "limit": 1000}
        return self._every(at("deliveries"), Delivery, query)

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """Return the attempts, the first one first."""
        return (await self._page(at("deliveries", delivery_id, "attempts"), Attempt, {})).data

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Deliver once more."""
        return await self._post(at("deliveries", delivery_id, "redeliver"), Delivery)
