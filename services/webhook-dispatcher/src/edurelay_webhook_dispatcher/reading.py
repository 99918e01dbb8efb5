"""Streams as their readers see them: what each event looks like to the endpoint, and how far it was handled.

What a delivery keeps of its body is shown as it is; what it has given up, and all of an endpoint to which nothing is
sent, is read from the log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from edurelay.events.envelope import Event
from edurelay.mongo import Document
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher import views
from edurelay_webhook_dispatcher.blocks import Ticket
from edurelay_webhook_dispatcher.body import kept_format
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.external_ids import ExternalIds
from edurelay_webhook_dispatcher.past import PastEvents
from edurelay_webhook_dispatcher.payload import Payload, Payloads
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.translator import in_ids_of

#: How often it is looked at what other dispatchers wrote, in seconds.
LOOK: Final = 0.25


class Reading:
    """What the reader of an endpoint's stream may ask. What was deleted raises `EventsGone`."""

    def __init__(self, store: Store, past: PastEvents, external_ids: ExternalIds) -> None:
        self._store = store
        self._past = past
        self._external_ids = external_ids

    async def page(self, endpoint: Endpoint, after: int | None, limit: int, wait: float) -> views.StreamPage:
        """Return what stands behind the number `after`, or behind what was committed; where that is nothing yet, wait
        up to `wait` seconds for it. Raises `MappingAway`, `KafkaUnavailable`."""
        committed = (await self._store.positions.of(_name(endpoint))).committed
        place = committed if after is None else after
        tickets = await self._tickets(endpoint, place, limit, wait)
        return views.StreamPage(data=await self._shown(endpoint, tickets), after=place, committed=committed)

    async def commit(self, endpoint: Endpoint, number: int) -> views.Committed:
        """Keep that everything up to a number was handled. Raises a 422 problem where the stream is not that long."""
        end = await self._store.streams.end(endpoint.tenant, endpoint.id)
        if number > end:
            detail = f"The stream has {end} events so far; no more can be committed."
            raise Problem(422, "beyond_end", detail, field="after")
        before = await self._store.positions.commit(_name(endpoint), number)
        return views.Committed(committed=number, before=before)

    async def ledger(self, endpoint: Endpoint) -> views.Ledger:
        """Return how many events of an endpoint to which nothing is sent were committed, and how many were not."""
        committed = (await self._store.positions.of(_name(endpoint))).committed
        end = await self._store.streams.end(endpoint.tenant, endpoint.id)
        return views.Ledger(matched=end, delivered=committed, pending=end - committed, dead_lettered=0)

    async def _tickets(self, endpoint: Endpoint, after: int, limit: int, wait: float) -> list[Ticket]:
        streams, tenant = self._store.streams, endpoint.tenant
        deadline, checked = time.monotonic() + wait, False
        while True:
            tickets = await streams.read(tenant, endpoint.id, after, limit)
            if tickets:
                return tickets
            if not checked:
                await streams.check_there(tenant, endpoint.id, after)
                checked = True
            left = deadline - time.monotonic()
            if left <= 0:
                return tickets
            await streams.until_grown(tenant, endpoint.id, min(LOOK, left))

    async def _shown(self, endpoint: Endpoint, tickets: list[Ticket]) -> list[views.StreamedEvent]:
        kept: Mapping[str, Document] = {}
        if endpoint.sent_to:
            names = [ticket.key.stored for ticket in tickets]
            kept = await Repository(self._store, endpoint.tenant).whole(names)
        positions = {
            position: ticket.event_id
            for ticket in tickets
            if "body" not in kept.get(ticket.key.stored, {}) and (position := ticket.key.position) is not None
        }
        events = await self._past.events(positions)
        return [await self._one(endpoint, ticket, kept.get(ticket.key.stored), events) for ticket in tickets]

    async def _one(
        self, endpoint: Endpoint, ticket: Ticket, kept: Document | None, events: Mapping[tuple[int, int], Event]
    ) -> views.StreamedEvent:
        event = events.get(ticket.key.position) if ticket.key.position is not None else None
        payload = _payload(endpoint, ticket, kept, event)
        event_type = kept["type"] if kept is not None else event.type if event is not None else None
        value = _value(payload.body) if payload is not None else None
        if event_type is None and isinstance(value, dict):
            event_type = str(value.get("event") or value.get("type"))
        if payload is not None and payload.ids is not None and event_type is not None:
            told = await in_ids_of(self._external_ids, endpoint.tenant, payload.ids, event_type, payload.body)
            value = _value(told)
        return views.StreamedEvent(
            sequence=ticket.number,
            delivery_id=ticket.key.text if endpoint.sent_to else None,
            event_id=ticket.event_id,
            event_type=event_type,
            event=value,
        )


def _payload(endpoint: Endpoint, ticket: Ticket, kept: Document | None, event: Event | None) -> Payload | None:
    """Return what an event brings, None where nobody has it any more."""
    if kept is not None and "body" in kept:
        return Payload.kept(kept)
    if ticket.body is not None:
        return Payload(ticket.body.encode(), endpoint.subscription.ids)
    if event is None:
        return None
    # A delivery whose first attempt is under way may not be written yet.
    form = kept_format(kept) if kept is not None else endpoint.body_format
    return Payloads(event).of(endpoint.subscription, form)


def _value(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.tenant}/{endpoint.id}"
