"""Replays: what the log holds of a stretch of time, delivered to one endpoint again, with the original bytes and ids.

A replay is kept until all of its deliveries are; its deliveries are named by it, so that one that was broken off
starts again from the beginning and finds what it has already written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.topics import EVENTS as EVENTS_TOPIC
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.messages.subscriptions import BodyFormat
from edurelay.mongo import Collection, Document
from edurelay.mongo.leases import Leases
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher.body import body_of, format_fields, kept_format
from edurelay_webhook_dispatcher.keys import DeliveryKey, replay_origin
from edurelay_webhook_dispatcher.matching import matches
from edurelay_webhook_dispatcher.patience import AWAY
from edurelay_webhook_dispatcher.store import Store

POLL = 5.0
LEASE_SECONDS = 60.0

_log = get_logger(__name__)


class Replays:
    """The replays that were asked for. `wake` is called when deliveries became due."""

    def __init__(
        self, replays: Collection, store: Store, leases: Leases, log: LogReader, wake: Callable[[], None]
    ) -> None:
        self._replays = replays
        self._store = store
        self._leases = leases
        self._log_reader = log
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
        body_format: BodyFormat,
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
                "body_format": body_format.value,
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
                documents = [found for received in stretch if (found := _delivery(replay, received)) is not None]
                await self._store.add_pending(documents)
                if documents:
                    self._wake_retrier()
                if not await self._leases.renew(lease, LEASE_SECONDS):
                    return
            await self._replays.update_one({"_id": replay["_id"]}, {"$unset": {"open": ""}})
        finally:
            await self._leases.release(lease)


def _delivery(replay: Document, received: Received) -> Document | None:
    try:
        event = Event.from_message(received.headers, received.value)
    except MalformedEvent:
        return None
    if event.tenant != replay["tenant"] or not any(matches(each, event.type) for each in replay["patterns"]):
        return None
    if replay["event_types"] and not any(matches(each, event.type) for each in replay["event_types"]):
        return None
    origin = replay_origin(replay["_id"], received.partition, received.offset)
    key = DeliveryKey(event.tenant, replay["endpoint"], received.timestamp, origin)
    return pending_delivery(key, event, kept_format(replay))


def pending_delivery(key: DeliveryKey, event: Event, body_format: BodyFormat) -> Document:
    """Return the document of a delivery that is due now and was never attempted."""
    body = body_of(event, body_format)
    return {
        "_id": key.stored,
        "endpoint": key.endpoint,
        "event_id": event.id,
        "type": event.type,
        "status": DeliveryStatus.PENDING.value,
        "attempts": [],
        "updated": time.time(),
        "body": body,
        **format_fields(body),
        "due_at": time.time(),
    }
