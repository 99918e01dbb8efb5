"""Events as callers publish and see them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edurelay.web.paging import PageQuery
from edurelay_gateway.endpoints.models import EventType
from edurelay_gateway.moments import Moment

#: The most events that one call may publish, and the most bytes that one event may have.
MAX_EVENTS = 1000
MAX_EVENT_BYTES = 262_144

EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
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


class EventQuery(PageQuery):
    """Which events to list."""

    type: EventType | None = None
    subject: Subject | None = None


class EventSummary(BaseModel):
    """An event without its data."""

    model_config = ConfigDict(extra="ignore")

    id: str
    type: str
    subject: str | None = None
    time: str
    source: str


class EventPage(BaseModel):
    """Some events, the newest first."""

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
