"""Deliveries that only try out an endpoint: a test event on request, and the hourly probe of one that was disabled for
failing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id
from edurelay.mongo import Document
from edurelay.mongo.leases import Leases
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.documents import work_of
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.order import Precedence
from edurelay_webhook_dispatcher.patience import AWAY
from edurelay_webhook_dispatcher.payload import Payloads
from edurelay_webhook_dispatcher.replays import pending_delivery
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.translator import Translator

TEST_EVENT = "endpoint.test"
#: How often it is looked whether a probe is due, in seconds, unless probes are more frequent than that.
LOOK = 15.0
#: How many pending deliveries are looked at for one that waits for no other and has not ended.
CANDIDATES = 20

_log = get_logger(__name__)


def trial_delivery(endpoint: Endpoint, event_type: str = TEST_EVENT, data: Mapping[str, Any] | None = None) -> Document:
    """Return a pending delivery of an event that is made for this endpoint alone, and not published."""
    if data is None:
        data = {"endpoint_id": endpoint.id, "message": "This is a test event from Edurelay."}
    event = Event(
        id=new_event_id(),
        type=event_type,
        source="/edurelay/webhook-dispatcher",
        tenant=endpoint.tenant,
        time=now(),
        data=orjson.dumps(data),
    )
    key = DeliveryKey(endpoint.tenant, endpoint.id, int(clock.now() * 1000), f"t{secrets.token_hex(6)}")
    return pending_delivery(key, event, Payloads(event).of(endpoint.subscription))


class Probes:
    """Sends one delivery to each endpoint that was disabled for failing, every `pause` seconds: its oldest pending one,
    or a test event where none is left. One that arrives brings the endpoint back."""

    def __init__(
        self,
        store: Store,
        leases: Leases,
        endpoints: Endpoints,
        courier: Courier,
        translator: Translator,
        precedence: Precedence,
        *,
        pause: float,
    ) -> None:
        self._store = store
        self._leases = leases
        self._endpoints = endpoints
        self._courier = courier
        self._translator = translator
        self._precedence = precedence
        self._pause = pause
        self._holder = secrets.token_hex(8)

    async def run(self) -> None:
        """Probe, until cancelled."""
        while True:
            await asyncio.sleep(min(self._pause, LOOK))
            try:
                for endpoint in self._endpoints.probed():
                    # Never released: until it ends, this endpoint has had its probe, whoever sent it.
                    if await self._leases.acquire(f"probe/{endpoint.id}", self._holder, self._pause):
                        await self.probe(endpoint)
            except AWAY as error:
                _log.warning("endpoints could not be probed, trying again", reason=str(error))

    async def probe(self, endpoint: Endpoint) -> None:
        """Send one delivery to a disabled endpoint."""
        for _ in range(CANDIDATES):
            entry = await self._oldest(endpoint)
            if entry is None:
                trial = trial_delivery(endpoint)
                await self._store.add_pending([trial])
                entry = await self._store.backlog.entry(trial["_id"])
            if entry is None:
                return
            ours = await self._store.backlog.claim([entry], clock.now() + self._courier.lease)
            document = await self._store.deliveries.find_one({"_id": entry["_id"]})
            if document is not None and document["status"] == entry["status"]:
                work = work_of(document, entry)
                # Where somebody was quicker, that attempt is the probe.
                if ours and await self._translator.translate(work):
                    self._courier.lane(endpoint).offer(work)
                return
            # It ended just now, before it was claimed or after; the next one takes its place.
            if ours:
                await self._store.backlog.mend(entry, document)

    async def _oldest(self, endpoint: Endpoint) -> Document | None:
        """Return the pending entry that was due first and waits for no other."""
        for entry in (await self._store.backlog.head(endpoint.id, CANDIDATES)).entries:
            first = await self._precedence.first(entry)
            if first is not None:
                return first
        return None
