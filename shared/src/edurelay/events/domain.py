"""A domain event as a service inside works with it: the envelope's attributes typed, the data read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from pydantic import BaseModel

from edurelay.events.catalogue import EVENT_TYPES, EventData
from edurelay.events.envelope import Event, MalformedEvent


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """One event. `subject` is what it is about, and the order of its events is kept; `traceparent` says what caused
    it. The log may hold an event twice, with the same `id` and the same `data`."""

    id: str
    type: str
    source: str
    tenant: str
    subject: str | None
    time: datetime
    data: Any
    traceparent: str | None = None

    @classmethod
    def of(cls, event: Event) -> Self:
        """Read an event's data and time. Raises `MalformedEvent`."""
        try:
            data, moment = orjson.loads(event.data), datetime.fromisoformat(event.time)
        except ValueError as error:
            raise MalformedEvent(f"the event {event.id} cannot be read: {error}") from error
        return cls(
            event.id, event.type, event.source, event.tenant, event.subject, moment, data, event.traceparent
        )  # fmt: skip

    def declared(self) -> BaseModel:
        """Return the data as the catalogue declares the type; of other types, whatever there is.

        Raises `ValueError` where the publisher sent something else.
        """
        declared = EVENT_TYPES.get(self.type)
        return (declared.data if declared else EventData).model_validate(self.data)
