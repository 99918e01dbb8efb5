"""The dispatcher: where events went, and what is to be delivered once more."""

from __future__ import annotations

from edurelay.events.catalogue import EVENT_TYPES
from edurelay.events.examples import example_of
from edurelay.web.internal import InternalClient, internal_path
from edurelay_gateway.deliveries.models import (
    AttemptPage,
    Commit,
    Committed,
    Delivery,
    DeliveryPage,
    DeliveryQuery,
    Ledger,
    RedeliverRequest,
    Redelivery,
    ReplayAccepted,
    ReplayRequest,
    StreamPage,
    StreamQuery,
)
from edurelay_gateway.events.models import EventPage, EventQuery, EventView
from edurelay_gateway.neighbours.identifiers import checked


class DispatcherService:
    """Asks the dispatcher. Each method raises `UpstreamUnavailable`, `Missing`, or what the service refuses."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def events(self, tenant: str, query: EventQuery) -> EventPage:
        """Return some of a tenant's events."""
        path = internal_path("tenants", tenant, "events")
        return await self._client.get(path, EventPage, query=query.model_dump(mode="json"))

    async def event(self, tenant: str, event_id: str) -> EventView:
        """Return an event with its data and its deliveries."""
        return await self._client.get(internal_path("tenants", tenant, "events", checked(event_id, "event")), EventView)

    async def deliveries(self, tenant: str, query: DeliveryQuery) -> DeliveryPage:
        """Return some of a tenant's deliveries."""
        path = internal_path("tenants", tenant, "deliveries")
        return await self._client.get(path, DeliveryPage, query=query.model_dump(mode="json"))

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery:
        """Return a delivery."""
        path = internal_path("tenants", tenant, "deliveries", checked(delivery_id, "delivery"))
        return await self._client.get(path, Delivery)

    async def attempts(self, tenant: str, delivery_id: str) -> AttemptPage:
        """Return the attempts of a delivery."""
        path = internal_path("tenants", tenant, "deliveries", checked(delivery_id, "delivery"), "attempts")
        return await self._client.get(path, AttemptPage)

    async def redeliver(self, tenant: str, delivery_id: str) -> Delivery:
        """Deliver once more."""
        path = internal_path("tenants", tenant, "deliveries", checked(delivery_id, "delivery"), "redeliver")
        return await self._client.post(path, None, Delivery)

    async def redeliver_chosen(self, tenant: str, endpoint_id: str, wanted: RedeliverRequest) -> Redelivery:
        """Deliver what is chosen of an endpoint's deliveries once more."""
        return await self._client.post(_endpoint(tenant, endpoint_id, "redeliver"), wanted, Redelivery)

    async def redelivery(self, tenant: str, endpoint_id: str, redelivery_id: str) -> Redelivery:
        """Return how far a redelivery is."""
        path = _endpoint(tenant, endpoint_id, "redeliveries", checked(redelivery_id, "redelivery"))
        return await self._client.get(path, Redelivery)

    async def stream(self, tenant: str, endpoint_id: str, query: StreamQuery, wait: float) -> StreamPage:
        """Return a part of an endpoint's stream, as soon as there is one, or an empty one after `wait` seconds."""
        wanted = {"after": query.after, "limit": query.limit, "wait": wait}
        return await self._client.get(_endpoint(tenant, endpoint_id, "events"), StreamPage, query=wanted)

    async def commit(self, tenant: str, endpoint_id: str, wanted: Commit) -> Committed:
        """Keep up to where an endpoint's stream was handled."""
        return await self._client.post(_endpoint(tenant, endpoint_id, "events", "commit"), wanted, Committed)

    async def ledger(self, tenant: str, endpoint_id: str) -> Ledger:
        """Return how many deliveries of an endpoint stand where."""
        return await self._client.get(_endpoint(tenant, endpoint_id, "ledger"), Ledger)

    async def replay(self, tenant: str, endpoint_id: str, wanted: ReplayRequest) -> ReplayAccepted:
        """Deliver a stretch of the log to an endpoint once more."""
        return await self._client.post(_endpoint(tenant, endpoint_id, "replay"), wanted, ReplayAccepted)

    async def test(self, tenant: str, endpoint_id: str, event_type: str) -> Delivery:
        """Send a test event to an endpoint, with example data where the type is of the catalogue."""
        declared = EVENT_TYPES.get(event_type)
        body = {"event_type": event_type, "data": example_of(declared.data) if declared is not None else None}
        return await self._client.post(_endpoint(tenant, endpoint_id, "test"), body, Delivery)


def _endpoint(tenant: str, endpoint_id: str, *further: str) -> str:
    return internal_path("tenants", tenant, "endpoints", checked(endpoint_id, "endpoint"), *further)
