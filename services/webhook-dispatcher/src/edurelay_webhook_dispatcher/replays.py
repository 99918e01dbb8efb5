"""Replays: what the log holds of a stretch of time, delivered to one endpoint again, under the original ids, as the
endpoint would get it now.

A replay is kept until all of its deliveries are; its deliveries are named by it, so that one that was broken off
starts again from the beginning and finds what it has already written.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.patterns import matches
from edurelay.events.topics import EVENTS as EVENTS_TOPIC
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay.mongo.leases import Leases
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.body import format_fields
from edurelay_webhook_dispatcher.chains import chain_of
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.jobs import Hold, Jobs, NotHere
from edurelay_webhook_dispatcher.keys import DeliveryKey, replay_origin
from edurelay_webhook_dispatcher.payload import Payload, Payloads
from edurelay_webhook_dispatcher.store import Store


class Replays:
    """The replays that were asked for. `wake` is called when deliveries became due."""

    def __init__(
        self,
        store: Store,
        leases: Leases,
        log: LogReader,
        endpoints: Endpoints,
        choice: Choice,
        *,
        wake: Callable[[], None],
    ) -> None:
        self._jobs = Jobs("replay", store.replays, leases, self._work_off)
        self._store = store
        self._log_reader = log
        self._endpoints = endpoints
        self._choice = choice
        self._wake_retrier = wake

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
        await self._jobs.add(
            {
                "_id": replay_id,
                "tenant": tenant,
                "endpoint": endpoint,
                "since": since,
                "until": until,
                "event_types": list(event_types),
                "patterns": list(patterns),
                "behind": await self._store.streams.end(tenant, endpoint),
            }
        )
        return replay_id

    async def run(self) -> None:
        """Work off what is open, until cancelled."""
        await self._jobs.run()

    async def _work_off(self, replay: Document, hold: Hold) -> bool:
        endpoint = self._endpoints.get(replay["endpoint"])
        if endpoint is None:
            if not await self._endpoints.gone([replay["endpoint"]]):
                raise NotHere("the endpoint is not known here")
            return True
        reached: dict[int, int] = {}
        if not endpoint.sent_to:
            place = (replay["tenant"], replay["endpoint"], replay["_id"], replay["behind"])
            reached = await self._store.streams.replayed(*place)
        async for stretch in self._log_reader.read_between(EVENTS_TOPIC, replay["since"], replay["until"]):
            ahead = [each for each in stretch if each.offset > reached.get(each.partition, -1)]
            documents, chains = await self._deliveries(replay, ahead)
            if not endpoint.sent_to:
                await self._store.add_numbers(documents)
            elif documents:
                await self._store.add_pending(documents, chains)
                self._wake_retrier()
            if not await hold():
                return False
        return True

    async def _deliveries(self, replay: Document, stretch: Sequence[Received]) -> tuple[list[Document], dict[str, str]]:
        """Return the deliveries of what the endpoint gets of a stretch, none where it was deleted; and the chains of
        those that keep an order, by primary key."""
        endpoint = self._endpoints.get(replay["endpoint"])
        found = [(received, event) for received in stretch if (event := _event(replay, received)) is not None]
        if endpoint is None:
            return [], {}
        chosen = await self._choice.of([(event, (endpoint,)) for _, event in found])
        documents, chains = [], {}
        for (received, event), wanted_by in zip(found, chosen, strict=True):
            if wanted_by:
                origin = replay_origin(replay["_id"], received.partition, received.offset)
                key = DeliveryKey(event.tenant, endpoint.id, received.timestamp, origin)
                payloads = Payloads(event)
                at_hand = payloads.ready(endpoint.subscription)
                documents.append(pending_delivery(key, event, payloads.of(endpoint.subscription)))
                if not at_hand:
                    await asyncio.sleep(0)
                chain = chain_of(endpoint.subscription, key, event.subject)
                if chain is not None:
                    chains[key.stored] = chain
        return documents, chains


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
        **({"subject": event.subject} if event.subject is not None else {}),
        "status": DeliveryStatus.PENDING.value,
        "attempts": [],
        "updated": clock.now(),
        "body": payload.body,
        **format_fields(payload.body),
        "due_at": clock.now(),
    }
    return document if payload.ids is None else {**document, "ids": payload.ids}
