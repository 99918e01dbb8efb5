"""What events were, as the log has them for as long as it keeps them."""

from __future__ import annotations

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.events.topics import EVENTS as EVENTS_TOPIC
from edurelay.kafka.log import LogReader
from edurelay_webhook_dispatcher.body import body_of
from edurelay_webhook_dispatcher.keys import DeliveryKey


class Payloads:
    """Events and the bytes of their deliveries. Every method may raise `KafkaUnavailable`."""

    def __init__(self, log: LogReader) -> None:
        self._log = log

    async def event(self, partition: int, offset: int, event_id: str) -> Event | None:
        """Return the event at this position; None where the log no longer has it."""
        received = await self._log.read_one(EVENTS_TOPIC, partition, offset)
        if received is None:
            return None
        try:
            event = Event.from_message(received.headers, received.value)
        except MalformedEvent:
            return None
        return event if event.id == event_id else None

    async def body(self, key: DeliveryKey, event_id: str) -> bytes | None:
        """Return the bytes of a delivery; None where the log no longer has its event, or never had it."""
        event = await self.event(*key.position, event_id) if key.position is not None else None
        return body_of(event) if event is not None else None
