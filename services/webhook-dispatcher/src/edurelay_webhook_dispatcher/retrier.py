"""From the due-time index back to the lanes.

A due delivery is claimed by moving its due time to the end of the claimer's lease, compare-and-set on the number of
its claims; a claimer that dies leaves a delivery that is due again when its lease is over.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import ASCENDING, Collection, Document, StoreUnavailable
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import DELIVERIES, DELIVERY_QUEUE_AGE
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.work import State, Work

#: How many due deliveries are looked at together, and how often, in seconds, where nothing calls for it earlier.
LOOK = 200
POLL = 0.25
CENSUS = 15.0

_log = get_logger(__name__)


class Retrier:
    """Brings due deliveries to their lanes, as many as these have room for."""

    def __init__(self, deliveries: Collection, endpoints: Endpoints, courier: Courier, recorder: Recorder) -> None:
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._courier = courier
        self._recorder = recorder
        self._wake = asyncio.Event()
        courier.hungry = self.wake

    def wake(self) -> None:
        """Look at once, since something became due or a lane became free."""
        self._wake.set()

    async def run(self) -> None:
        """Look for due deliveries, until cancelled."""
        counted = 0.0
        while True:
            try:
                brought = await self.bring()
                if time.monotonic() - counted > CENSUS:
                    counted = time.monotonic()
                    await self._count()
            except StoreUnavailable as error:
                _log.warning("due deliveries could not be looked up", reason=str(error))
                brought = 0
            if brought == 0:
                try:
                    async with asyncio.timeout(POLL):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            self._wake.clear()

    async def bring(self) -> int:
        """Claim what is due and has room; return how many deliveries were brought to a lane or ended."""
        now = time.time()
        full = {lane.endpoint.id for lane in self._courier.lanes() if lane.room == 0}
        # `open` and the lower bound are what the embedded store needs to see that the index serves the query.
        query = {
            "open": True,
            "due_at": {"$gt": 0, "$lte": now},
            "endpoint": {"$nin": [*full, *self._endpoints.closed_ids()]},
        }
        due = await self._deliveries.find(query).sort("due_at", ASCENDING).limit(LOOK).to_list(LOOK)
        DELIVERY_QUEUE_AGE.of().set(now - due[0]["due_at"] if due else 0)
        self._catch_up(due, full)
        chosen = self._choose(due)
        claimed = await asyncio.gather(*(self._claim(document, now) for document in chosen))
        for document, ours in zip(chosen, claimed, strict=True):
            endpoint = self._endpoints.get(document["endpoint"])
            if ours and endpoint is not None:
                self._courier.carry(endpoint, work_of(document))
        orphans = [document for document in due if self._endpoints.get(document["endpoint"]) is None]
        for document in orphans:
            state = State(DeliveryStatus.DEAD_LETTERED, reason="the endpoint was deleted")
            self._recorder.put(work_of(document), state)
        if orphans:
            await self._recorder.drained()
        return sum(claimed) + len(orphans)

    def _choose(self, due: list[Document]) -> list[Document]:
        """Return those of the due deliveries whose lanes have room for them."""
        room: dict[str, int] = {}
        chosen = []
        for document in due:
            endpoint = self._endpoints.get(document["endpoint"])
            if endpoint is None:
                continue
            left = room.setdefault(endpoint.id, self._courier.lane(endpoint).room)
            if left > 0:
                room[endpoint.id] = left - 1
                chosen.append(document)
        return chosen

    def _catch_up(self, due: list[Document], full: set[str]) -> None:
        """Say of the lanes whose stored work is all done that they are no longer behind."""
        if len(due) == LOOK:
            return
        still = {document["endpoint"] for document in due} | full
        for lane in self._courier.lanes():
            if lane.endpoint.id not in still:
                lane.behind = False

    async def _claim(self, document: Document, now: float) -> bool:
        # Compared is a counter and not the due time, whose index would mislead the embedded store.
        result = await self._deliveries.update_one(
            {"_id": document["_id"], "claims": document.get("claims")},
            {"$set": {"due_at": now + self._courier.lease}, "$inc": {"claims": 1}},
        )
        return result.modified_count == 1

    async def _count(self) -> None:
        for status in (DeliveryStatus.PENDING, DeliveryStatus.DEAD_LETTERED):
            count = await self._deliveries.count_documents({"open": True, "status": status.value})
            DELIVERIES.of(status.value).set(count)


def work_of(document: dict[str, Any]) -> Work:
    """Return a stored, open delivery as work."""
    return Work(
        key=DeliveryKey.from_stored(document["_id"]),
        event_id=document["event_id"],
        event_type=document["type"],
        body=document["body"],
        since=time.monotonic(),
        traceparent=document.get("traceparent"),
        attempts=list(document["attempts"]),
        forgiven=document.get("forgiven", 0),
        recorded=True,
        claimed=True,
    )
