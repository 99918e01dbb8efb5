"""`/v1/deliveries`."""

from __future__ import annotations

from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.deliveries.models import AttemptPage, Delivery, DeliveryPage, DeliveryQuery
from edurelay_gateway.neighbours.dispatcher import DispatcherService


class DeliveryApi:
    """A tenant's deliveries."""

    def __init__(self, dispatcher: DispatcherService) -> None:
        self._dispatcher = dispatcher

    @operation(
        "GET",
        "/v1/deliveries",
        summary="List the deliveries",
        tag="deliveries",
        query=DeliveryQuery,
        answers={200: DeliveryPage},
    )
    async def list_deliveries(self, call: Call[None, DeliveryQuery]) -> Answer:
        """The newest first within each endpoint."""
        return Answer(body=await self._dispatcher.deliveries(call.tenant, call.query))

    @operation(
        "GET",
        "/v1/deliveries/{delivery_id}",
        summary="Show a delivery",
        tag="deliveries",
        answers={200: Delivery},
    )
    async def get_delivery(self, call: Call[None, None]) -> Answer:
        """Where it stands."""
        return Answer(body=await self._dispatcher.delivery(call.tenant, call.path["delivery_id"]))

    @operation(
        "GET",
        "/v1/deliveries/{delivery_id}/attempts",
        summary="List the attempts of a delivery",
        tag="deliveries",
        answers={200: AttemptPage},
    )
    async def list_attempts(self, call: Call[None, None]) -> Answer:
        """The first one first, with an excerpt of what was answered."""
        return Answer(body=await self._dispatcher.attempts(call.tenant, call.path["delivery_id"]))

    @operation(
        "POST",
        "/v1/deliveries/{delivery_id}/redeliver",
        summary="Deliver once more",
        tag="deliveries",
        answers={202: Delivery},
        idempotent=True,
    )
    async def redeliver(self, call: Call[None, None]) -> Answer:
        """The same bytes under the same id, with a whole schedule before it."""
        return Answer(202, await self._dispatcher.redeliver(call.tenant, call.path["delivery_id"]))

    @operation(
        "POST",
        "/v1/deliveries/{delivery_id}/skip",
        summary="Give a delivery up",
        tag="deliveries",
        answers={200: Delivery},
        idempotent=True,
    )
    async def skip(self, call: Call[None, None]) -> Answer:
        """One that is pending or parked becomes a dead letter, and what waits for it goes on."""
        return Answer(200, await self._dispatcher.skip(call.tenant, call.path["delivery_id"]))
