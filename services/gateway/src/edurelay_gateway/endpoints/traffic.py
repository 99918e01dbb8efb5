"""What an endpoint's owner asks of the dispatcher: a test, a replay, deliveries again, the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from edurelay.web.problems import Problem
from edurelay_gateway.deliveries.models import (
    Commit,
    Committed,
    Delivery,
    Ledger,
    RedeliverRequest,
    Redelivery,
    ReplayAccepted,
    ReplayRequest,
    StreamPage,
    StreamQuery,
)
from edurelay_gateway.endpoints.service import Endpoints
from edurelay_gateway.errors import NotInForce
from edurelay_gateway.neighbours.dispatcher import DispatcherService

T = TypeVar("T")

#: How long the dispatcher may take to hear of a new endpoint before the caller is asked to come back, in seconds.
HEARSAY_SECONDS = 2.0
_PAUSE = 0.05
#: How long the dispatcher is let wait for something to happen in a stream at a time, in seconds.
LONGEST_TURN = 5.0


class EndpointTraffic:
    """Asks the dispatcher about endpoints that exist here. A new one reaches it through Kafka, a moment later than
    its owner has the answer, so that it is asked again for a while where it does not know the endpoint yet. Who reads
    `streams` waits there, which keeps nobody else from asking. Nobody is let wait when it is `stopping`."""

    def __init__(
        self,
        endpoints: Endpoints,
        dispatcher: DispatcherService,
        streams: DispatcherService,
        stopping: asyncio.Event,
    ) -> None:
        self._endpoints = endpoints
        self._dispatcher = dispatcher
        self._streams = streams
        self._stopping = stopping

    async def test(self, tenant: str, endpoint_id: str, event_type: str) -> Delivery:
        """Send a test event. Raises `Missing`, `NotInForce`."""
        return await self._ask(tenant, endpoint_id, lambda: self._dispatcher.test(tenant, endpoint_id, event_type))

    async def replay(self, tenant: str, endpoint_id: str, wanted: ReplayRequest) -> ReplayAccepted:
        """Deliver a stretch of the log once more. Raises `Missing`, `NotInForce`."""
        return await self._ask(tenant, endpoint_id, lambda: self._dispatcher.replay(tenant, endpoint_id, wanted))

    async def redeliver(self, tenant: str, endpoint_id: str, wanted: RedeliverRequest) -> Redelivery:
        """Deliver what is chosen once more. Raises `Missing`, `NotInForce`."""
        return await self._ask(
            tenant, endpoint_id, lambda: self._dispatcher.redeliver_chosen(tenant, endpoint_id, wanted)
        )

    async def stream(self, tenant: str, endpoint_id: str, query: StreamQuery, wait: float) -> StreamPage:
        """Return what the stream has behind a number, as soon as it has something, or nothing after `wait` seconds.
        Raises `Missing`, `NotInForce`."""
        deadline = time.monotonic() + wait
        while True:
            turn = min(max(deadline - time.monotonic(), 0.0), LONGEST_TURN)
            page = await self.turn(tenant, endpoint_id, query, turn)
            if page.data or time.monotonic() >= deadline or self._stopping.is_set():
                return page

    async def turn(
        self, tenant: str, endpoint_id: str, query: StreamQuery, seconds: float = LONGEST_TURN
    ) -> StreamPage:
        """Return the same, waiting for as long as the dispatcher lets anybody wait. Raises `Missing`, `NotInForce`."""
        page = await self._ask(tenant, endpoint_id, partial(self._streams.stream, tenant, endpoint_id, query, seconds))
        page.last = page.data[-1].sequence if page.data else page.after
        return page

    async def commit(self, tenant: str, endpoint_id: str, wanted: Commit) -> Committed:
        """Keep up to where the stream was handled. Raises `Missing`, `NotInForce`."""
        return await self._ask(tenant, endpoint_id, lambda: self._dispatcher.commit(tenant, endpoint_id, wanted))

    async def check(self, tenant: str, endpoint_id: str) -> None:
        """Raise `Missing` where there is no such endpoint."""
        await self._endpoints.get(tenant, endpoint_id)

    async def redelivery(self, tenant: str, endpoint_id: str, redelivery_id: str) -> Redelivery:
        """Return how far a redelivery is. Raises `Missing`."""
        await self._endpoints.get(tenant, endpoint_id)
        return await self._dispatcher.redelivery(tenant, endpoint_id, redelivery_id)

    async def ledger(self, tenant: str, endpoint_id: str) -> Ledger:
        """Return how many deliveries stand where. Raises `Missing`, `NotInForce`."""
        return await self._ask(tenant, endpoint_id, lambda: self._dispatcher.ledger(tenant, endpoint_id))

    async def _ask(self, tenant: str, endpoint_id: str, ask: Callable[[], Awaitable[T]]) -> T:
        await self._endpoints.get(tenant, endpoint_id)
        deadline = time.monotonic() + HEARSAY_SECONDS
        while True:
            try:
                return await ask()
            except Problem as problem:
                if problem.status != 404:
                    raise
                if time.monotonic() > deadline:
                    raise NotInForce from problem
            await asyncio.sleep(_PAUSE)
