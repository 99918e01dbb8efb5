"""The use case of publishing: an event is accepted once all replicas of the log have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from edurelay.events.envelope import Event, Message, now
from edurelay.events.ids import new_event_id, published_event_id
from edurelay.events.topics import EVENTS
from edurelay.runtime.tracing import current_traceparent
from edurelay_gateway.admission import Admission
from edurelay_gateway.events.models import PublishedEvent

SOURCE = "/edurelay/gateway"


class Log(Protocol):
    """The log that events are written to."""

    async def send(self, message: Message) -> object:
        """Write one message. Raises `KafkaUnavailable`, `MessageTooLarge`."""

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Write many messages. Raises the same."""


class Publisher:
    """Writes published events to the log."""

    def __init__(self, log: Log, admission: Admission) -> None:
        self._log = log
        self._admission = admission

    async def publish(self, tenant: str, event: PublishedEvent, repetition_key: str | None) -> str:
        """Write one event; return its id. `repetition_key` is the same whenever the caller repeats this very call.
        Raises `KafkaUnavailable`, `Overloaded`."""
        message, event_id = _message(tenant, event, repetition_key, 0)
        with self._admission.admit(1, len(message.value or b"")):
            await self._log.send(message)
        return event_id

    async def publish_all(
        self, tenant: str, events: Sequence[tuple[int, PublishedEvent]], repetition_key: str | None
    ) -> dict[int, str]:
        """Write events, each with its place in the caller's list; return the ids by place. Raises the same."""
        messages, ids = [], {}
        for place, event in events:
            message, ids[place] = _message(tenant, event, repetition_key, place)
            messages.append(message)
        with self._admission.admit(len(messages), sum(len(message.value or b"") for message in messages)):
            await self._log.send_all(messages)
        return ids


def _message(tenant: str, event: PublishedEvent, repetition_key: str | None, place: int) -> tuple[Message, str]:
    if event.id is not None:
        event_id = event.id
    elif repetition_key is not None:
        event_id = published_event_id(tenant, repetition_key, place)
    else:
        event_id = new_event_id()
    envelope = Event(
        id=event_id,
        type=event.type,
        source=SOURCE,
        tenant=tenant,
        time=event.time or now(),
        data=orjson.dumps(event.data),
        subject=event.subject,
        traceparent=current_traceparent(),
        maybe_repeated=event.id is not None or repetition_key is not None,
    )
    return Message(EVENTS.name, envelope.key, envelope.data, envelope.headers()), event_id
