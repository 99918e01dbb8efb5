"""Before a delivery's first attempt: the ids of the receiver's own system in the place of ours, where it wants them.

While the mapping service is away such a delivery waits in the store like any other that is pending. That is no attempt:
nobody was asked to receive anything.
"""

from __future__ import annotations

import asyncio
import time

import orjson

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.external_ids import ExternalIds, MappingAway
from edurelay_webhook_dispatcher.foreign_ids import ids_in, with_foreign_ids
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.work import State, Work

#: How long the mapping service is left alone after it did not answer, in seconds: longer each time.
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)

_log = get_logger(__name__)


class Translator:
    """Gives deliveries to the courier, those that have yet to be put into other ids a moment later."""

    def __init__(self, external_ids: ExternalIds, endpoints: Endpoints, courier: Courier, recorder: Recorder) -> None:
        self._external_ids = external_ids
        self._endpoints = endpoints
        self._courier = courier
        self._recorder = recorder
        self._under_way: set[asyncio.Task[None]] = set()
        #: How often in a row the mapping service did not answer, and until when (monotonic) it is not asked.
        self._failures = 0
        self._away_until = 0.0

    def carry(self, endpoint: Endpoint, work: Work) -> None:
        """Let a delivery be attempted, as soon as its body is what the endpoint gets. It waits in the store where
        nothing may be sent there now."""
        if not self._endpoints.enabled(endpoint):
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=clock.now()))
        elif work.ids is None:
            self._courier.carry(endpoint, work)
        elif time.monotonic() < self._away_until:
            self._put_off(work)
        else:
            task = asyncio.create_task(self._translate(endpoint, work))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def translate(self, work: Work) -> bool:
        """Put the ids into a delivery's body that it has yet to get; return False while they cannot be looked up."""
        if work.ids is None:
            return True
        try:
            work.body = await in_ids_of(self._external_ids, work.key.tenant, work.ids, work.event_type, work.body)
        except MappingAway as error:
            self._away(error)
            return False
        self._failures = 0
        work.ids = None
        return True

    async def _translate(self, endpoint: Endpoint, work: Work) -> None:
        if not await self.translate(work):
            self._put_off(work)
            return
        # It may have been changed meanwhile; of one that was deleted the retrier knows what to do.
        self.carry(self._endpoints.get(endpoint.id) or endpoint, work)

    def _away(self, error: MappingAway) -> None:
        now = time.monotonic()
        if now < self._away_until:
            return  # Asked at the same time as one that failed before.
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._away_until = now + pause
        _log.warning("ids cannot be looked up; what needs them waits", reason=str(error), seconds=pause)

    def _put_off(self, work: Work) -> None:
        wait = max(0.0, self._away_until - time.monotonic())
        self._recorder.put(work, State(DeliveryStatus.PENDING, due=clock.now() + wait))


async def in_ids_of(external_ids: ExternalIds, tenant: str, connection: str, event_type: str, body: bytes) -> bytes:
    """Return a body with a connection's ids in the place of ours. Raises `MappingAway`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body  # Its data is no JSON, as nothing of ours publishes it: there are no ids in it.
    foreign = await external_ids.find(tenant, connection, ids_in(value, event_type))
    return with_foreign_ids(value, event_type, foreign)
