"""The use case of publishing: an event is accepted once all replicas of the log have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from edurelay.events.envelope import Event, Message, now
from edurelay.events.ids import new_event_id, published_event_id
from edurelay.events.topics import EVENTS
from edurelay.runtime.tracing import current_traceparent
from edurelay_gateway.admission import Admission
from edurelay_gateway.errors import EventTooLarge
from edurelay_gateway.events.models import MAX_EVENT_BYTES, PublishedEvent

SOURCE = "/edurelay/gateway"


class Log(Protocol):
    """The log that events are written to."""

    async def send(self, message: Message) -> object:
        """Write one message. Raises `KafkaUnavailable`, `MessageTooLarge`."""

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Write many messages. Raises the same."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that may be written: its id, and the message that it becomes."""

    id: str
    message: Message


def prepared(tenant: str, event: PublishedEvent, repetition_key: str | None, place: int = 0) -> Prepared:
    """Return the event as it is written. `repetition_key` is the same whenever the caller repeats this very call, and
    `place` is the event's in the call. Raises `EventTooLarge`."""
    if event.id is not None:
        event_id = event.id
    elif repetition_key is not None:
        event_id = published_event_id(tenant, repetition_key, place)
    else:
        event_id = new_event_id()
    data = orjson.dumps(event.data)
    if len(data) > MAX_EVENT_BYTES:
        raise EventTooLarge(MAX_EVENT_BYTES)
    envelope = Event(
        id=event_id,
        type=event.type,
        source=SOURCE,
        tenant=tenant,
        time=event.time or now(),
        data=data,
        subject=event.subject,
        traceparent=current_traceparent(),
        maybe_repeated=event.id is not None or repetition_key is not None,
    )
    return Prepared(event_id, Message(EVENTS.name, envelope.key, data, envelope.headers()))


class Publisher:
    """Writes prepared events to the log, as many at a time as may wait for it."""

    def __init__(self, log: Log, admission: Admission) -> None:
        self._log = log
        self._admission = admission

    async def publish(self, event: Prepared) -> None:
        """Write one event. Raises `KafkaUnavailable`, `Overloaded`."""
        with self._admission.admit(1, len(event.message.value or b"")):
            await self._log.send(event.message)

    async def publish_all(self, events: Sequence[Prepared]) -> None:
        """Write events in their order. Raises the same."""
        messages = [event.message for event in events]
        with self._admission.admit(len(messages), sum(len(message.value or b"") for message in messages)):
            await self._log.send_all(messages)
