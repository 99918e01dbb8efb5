"""What events were, as the log has them for as long as it keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.topics import EVENTS as EVENTS_TOPIC
from edurelay.kafka.handler import Received
from edurelay.kafka.log import LogReader
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.body import kept_format
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.payload import Payload, Payloads


class PastEvents:
    """Events, and what endpoints get of them now. Every method may raise `KafkaUnavailable`."""

    def __init__(self, log: LogReader, endpoints: Endpoints) -> None:
        self._log = log
        self._endpoints = endpoints

    async def event(self, partition: int, offset: int, event_id: str) -> Event | None:
        """Return the event at this position; None where the log no longer has it."""
        received = await self._log.read_one(EVENTS_TOPIC, partition, offset)
        return _event(received, event_id) if received is not None else None

    async def events(self, wanted: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], Event]:
        """Return those events, given by position and id, that the log still has."""
        found = await self._log.read_some(EVENTS_TOPIC, wanted.keys())
        events = {position: _event(received, wanted[position]) for position, received in found.items()}
        return {position: event for position, event in events.items() if event is not None}

    async def payload(self, delivery: Document) -> Payload | None:
        """Return what a delivery that arrived has to bring if it is made once more: what its endpoint may see now, in
        the format that it had. None where the log no longer has the event, or never had it, or the endpoint is gone."""
        key = DeliveryKey.from_stored(delivery["_id"])
        endpoint = self._endpoints.get(key.endpoint)
        if endpoint is None or key.position is None:
            return None
        event = await self.event(*key.position, delivery["event_id"])
        return Payloads(event).of(endpoint.subscription, kept_format(delivery)) if event is not None else None


def _event(received: Received, event_id: str) -> Event | None:
    try:
        event = Event.from_message(received.headers, received.value)
    except MalformedEvent:
        return None
    return event if event.id == event_id else None
