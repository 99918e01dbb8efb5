"""Events as callers publish and see them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from edurelay.events.ids import is_ahead
from edurelay.web.paging import PageQuery
from edurelay_gateway.endpoints.models import EventPattern, EventType
from edurelay_gateway.moments import Moment

#: The most events that one call may publish, and the most bytes that one event may have.
MAX_EVENTS = 1000
MAX_EVENT_BYTES = 262_144


def _not_ahead(event_id: str) -> str:
    # Such an event would be the newest one until that moment, and kept for as long.
    if is_ahead(event_id, int(time.time() * 1000)):
        raise ValueError("an id of the hub's own form tells when it was made, and this moment is yet to come")
    return event_id


EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_not_ahead)]
Subject = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=256)]


class PublishedEvent(BaseModel):
    """One event to publish. Events of one subject stay in order. An event whose id was seen before is not delivered
    again."""

    model_config = ConfigDict(extra="forbid")

    type: EventType
    data: dict[str, Any]
    id: EventId | None = Field(default=None, description="The caller's own id; made by the hub where it is missing.")
    subject: Subject | None = Field(default=None, description="What the event is about, such as a student's id.")
    time: Moment | None = Field(default=None, description="When it happened, as in RFC 3339; now where it is missing.")


class EventBatch(BaseModel):
    """Several events to publish, each accepted or refused by itself."""

    model_config = ConfigDict(extra="forbid")

    events: list[PublishedEvent] = Field(min_length=1, max_length=MAX_EVENTS)


class EventAccepted(BaseModel):
    """The event is in the log."""

    id: str


class ItemError(BaseModel):
    """Why one event of a batch was not accepted."""

    code: str
    detail: str
    field: str | None = None


class EventOutcome(BaseModel):
    """What became of one event of a batch: its id, or why it was not accepted."""

    id: str | None = None
    error: ItemError | None = None


class BatchOutcome(BaseModel):
    """What became of the events of a batch, in their order."""

    data: list[EventOutcome]


class Stretch(BaseModel):
    """A stretch of the log's time, open at either end."""

    since: AwareDatetime | None = Field(default=None, description="From when the log took the event, this included.")
    until: AwareDatetime | None = Field(default=None, description="Until when, this not included.")

    @field_validator("until")
    @classmethod
    def _in_order(cls, until: datetime | None, found: ValidationInfo) -> datetime | None:
        since = found.data.get("since")
        if since is not None and until is not None and until < since:
            raise ValueError("until lies before since")
        return until


class LookingBack(Stretch, PageQuery):
    """What is common to looking for events and for their deliveries."""

    type: EventPattern | None = Field(default=None, description="A type, or a beginning of types such as `student.*`.")
    subject: Subject | None = None


class EventQuery(LookingBack):
    """Which events to list: those for which all of the given hold."""


class EventSummary(BaseModel):
    """An event without its data."""

    model_config = ConfigDict(extra="ignore")

    id: str
    type: str
    subject: str | None = None
    time: str
    source: str


class EventPage(BaseModel):
    """Some events, the newest first. One request looks at a bounded number of them: a page may hold fewer than were
    asked for, or none, and there are more behind it as long as there is a `next_cursor`."""

    data: list[EventSummary]
    next_cursor: str | None = None


class EventDelivery(BaseModel):
    """Where an event went."""

    model_config = ConfigDict(extra="ignore")

    id: str
    endpoint_id: str
    status: str
    attempts: int


class EventView(EventSummary):
    """An event, its data, and where it went."""

    data: Any = Field(default=None, description="Null where the log no longer has the event.")
    data_available: bool = True
    deliveries: list[EventDelivery] = []
