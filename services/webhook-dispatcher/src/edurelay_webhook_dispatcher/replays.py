"""Replays: what the log holds of a stretch of time, delivered to one endpoint again, under the original ids, as the
endpoint would get it now.

A replay is kept until all of its deliveries are; its deliveries are named by it, so that one that was broken off
starts again from the beginning and finds what it has already written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.patterns import matches
from edurelay.events.topics import EVENTS as EVENTS_TOPIC
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Collection, Document
from edurelay.mongo.leases import Leases
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher.body import format_fields
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey, replay_origin
from edurelay_webhook_dispatcher.payload import Payload, Payloads
from edurelay_webhook_dispatcher.recorder import AWAY
from edurelay_webhook_dispatcher.store import Store

POLL = 5.0
LEASE_SECONDS = 60.0

_log = get_logger(__name__)


class Replays:
    """The replays that were asked for. `wake` is called when deliveries became due."""

    def __init__(
        self,
        replays: Collection,
        store: Store,
        leases: Leases,
        log: LogReader,
        endpoints: Endpoints,
        choice: Choice,
        *,
        wake: Callable[[], None],
    ) -> None:
        self._replays = replays
        self._store = store
        self._leases = leases
        self._log_reader = log
        self._endpoints = endpoints
        self._choice = choice
        self._wake_retrier = wake
        self._asked = asyncio.Event()
        self._holder = secrets.token_hex(8)

    async def ask(
        self,
        tenant: str,
        endpoint: str,
        since: int,
        until: int,
        event_types: Sequence[str],
        patterns: Sequence[str],
    ) -> str:
        """Keep a replay of what the log took from `since` to `until` (Unix milliseconds) and `patterns` match,
        narrowed to `event_types` where there are any; return its id."""
        replay_id = f"r{secrets.token_hex(6)}"
        await self._replays.insert_one(
            {
                "_id": replay_id,
                "tenant": tenant,
                "endpoint": endpoint,
                "since": since,
                "until": until,
                "event_types": list(event_types),
                "patterns": list(patterns),
                "open": True,
            }
        )
        self._asked.set()
        return replay_id

    async def run(self) -> None:
        """Work off what is open, until cancelled."""
        while True:
            try:
                async for replay in self._replays.find({"open": True}):
                    await self._work_off(replay)
            except AWAY as error:
                _log.warning("a replay was broken off, trying again", reason=str(error))
            try:
                async with asyncio.timeout(POLL):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()

    async def _work_off(self, replay: Document) -> None:
        lease = await self._leases.acquire(f"replay/{replay['_id']}", self._holder, LEASE_SECONDS)
        if lease is None:
            return
        try:
            async for stretch in self._log_reader.read_between(EVENTS_TOPIC, replay["since"], replay["until"]):
                documents = await self._deliveries(replay, stretch)
                await self._store.add_pending(documents)
                if documents:
                    self._wake_retrier()
                if not await self._leases.renew(lease, LEASE_SECONDS):
                    return
            await self._replays.update_one({"_id": replay["_id"]}, {"$unset": {"open": ""}})
        finally:
            await self._leases.release(lease)

    async def _deliveries(self, replay: Document, stretch: Sequence[Received]) -> list[Document]:
        """Return the deliveries of what the endpoint gets of a stretch; none where it was deleted."""
        endpoint = self._endpoints.get(replay["endpoint"])
        found = [(received, event) for received in stretch if (event := _event(replay, received)) is not None]
        if endpoint is None:
            return []
        chosen = await self._choice.of([(event, (endpoint,)) for _, event in found])
        documents = []
        for (received, event), wanted_by in zip(found, chosen, strict=True):
            if wanted_by:
                origin = replay_origin(replay["_id"], received.partition, received.offset)
                key = DeliveryKey(event.tenant, endpoint.id, received.timestamp, origin)
                documents.append(pending_delivery(key, event, Payloads(event).of(endpoint.subscription)))
        return documents


def _event(replay: Document, received: Received) -> Event | None:
    """Return the event, if it is one and of those that are to be replayed."""
    try:
        event = Event.from_message(received.headers, received.value)
    except MalformedEvent:
        return None
    if event.tenant != replay["tenant"] or not any(matches(each, event.type) for each in replay["patterns"]):
        return None
    if replay["event_types"] and not any(matches(each, event.type) for each in replay["event_types"]):
        return None
    return event


def pending_delivery(key: DeliveryKey, event: Event, payload: Payload) -> Document:
    """Return the document of a delivery that is due now and was never attempted."""
    document = {
        "_id": key.stored,
        "endpoint": key.endpoint,
        "event_id": event.id,
        "type": event.type,
        "status": DeliveryStatus.PENDING.value,
        "attempts": [],
        "updated": time.time(),
        "body": payload.body,
        **format_fields(payload.body),
        "due_at": time.time(),
    }
    return document if payload.ids is None else {**document, "ids": payload.ids}
