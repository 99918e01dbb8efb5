"""Deliveries, and what may be asked of the dispatcher, as callers see them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.web.paging import PageQuery
from edurelay_gateway.endpoints.models import EventPattern, EventType
from edurelay_gateway.mappings.models import Identifier

DeliveryReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~-]{1,256}$")]


class DeliveryQuery(PageQuery):
    """Which deliveries to list."""

    endpoint: Identifier | None = Field(default=None, description="Only those to this endpoint.")
    event: Identifier | None = Field(default=None, description="Only those of this event.")
    status: DeliveryStatus | None = None


class Delivery(BaseModel):
    """One event on its way to one endpoint. `sequence` is its number in the endpoint's stream, `attempts` how many were
    made."""

    model_config = ConfigDict(extra="ignore")

    id: str
    event_id: str
    event_type: str
    endpoint_id: str
    sequence: int | None = None
    status: DeliveryStatus
    reason: str | None = None
    attempts: int
    created_at: str
    updated_at: str
    next_attempt_at: str | None = None


class DeliveryPage(BaseModel):
    """Some deliveries."""

    data: list[Delivery]
    next_cursor: str | None = None


class Attempt(BaseModel):
    """One attempt to deliver; `duration_ms` is the whole exchange, `status_code` null where no answer came."""

    model_config = ConfigDict(extra="ignore")

    number: int
    at: str
    duration_ms: float
    status_code: int | None = None
    error: str | None = None
    response_excerpt: str | None = None
    outcome: str


class AttemptPage(BaseModel):
    """The attempts of a delivery, the first one first."""

    data: list[Attempt]
    next_cursor: str | None = None


class StreamQuery(BaseModel):
    """Which part of an endpoint's stream."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(
        default=0, ge=0, le=2**53, description="The last number that is known already; 0: from the first."
    )
    limit: int = Field(default=100, ge=1, le=100)


class StreamedEvent(BaseModel):
    """One delivery of an endpoint's stream. `event` is what is delivered, null where the log no longer has it."""

    model_config = ConfigDict(extra="ignore")

    sequence: int
    delivery_id: str
    event_id: str
    event: Any = None


class StreamPage(BaseModel):
    """A part of an endpoint's stream, in the order of the numbers. `last` is the `after` of the next call."""

    data: list[StreamedEvent]
    last: int = 0


class Ledger(BaseModel):
    """How many deliveries to an endpoint stand where: matched = delivered + pending + dead_lettered."""

    matched: int
    delivered: int
    pending: int
    dead_lettered: int


class TestEvent(BaseModel):
    """The type of the test event that is to be sent."""

    model_config = ConfigDict(extra="forbid")

    event_type: EventType = "endpoint.test"


class ReplayRequest(BaseModel):
    """What is to be delivered once more: the events that the log took from `since` until `until`."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime
    event_types: list[EventPattern] = Field(default_factory=list, max_length=100)


class ReplayAccepted(BaseModel):
    """The replay will be worked off."""

    replay_id: str


class Redelivered(BaseModel):
    """How many dead letters are due again."""

    redelivered: int
