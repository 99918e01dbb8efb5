"""Deliveries, and what may be asked of the dispatcher, as callers see them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from edurelay.events.catalogue import EVENT_TYPES
from edurelay.messages.deliveries import DeliveryStatus
from edurelay_gateway.endpoints.models import EventPattern, EventType
from edurelay_gateway.events.models import LookingBack, Stretch, Subject
from edurelay_gateway.mappings.models import Identifier

DeliveryReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~-]{1,256}$")]

TEST_EVENT = "endpoint.test"


def _known(event_type: str) -> str:
    if event_type != TEST_EVENT and event_type not in EVENT_TYPES:
        raise ValueError(f"there is no event type of this name; there are {TEST_EVENT} and those of the catalogue")
    return event_type


class DeliveryQuery(LookingBack):
    """Which deliveries to list: those for which all of the given hold."""

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
    subject: str | None = None
    endpoint_id: str
    sequence: int | None = None
    status: DeliveryStatus
    reason: str | None = None
    attempts: int
    created_at: str
    updated_at: str
    next_attempt_at: str | None = None


class DeliveryPage(BaseModel):
    """Some deliveries. One request looks at a bounded number of them: a page may hold fewer than were asked for, or
    none, and there are more behind it as long as there is a `next_cursor`."""

    data: list[Delivery]
    next_cursor: str | None = None


class Timing(BaseModel):
    """Where the time of an attempt went, in milliseconds, one phase after the other; together they are the whole. A
    phase that did not take place is null: a kept connection needs neither look-up nor connecting nor TLS. Where no
    answer came, the last phase is the one that did not end."""

    model_config = ConfigDict(extra="ignore")

    lookup: float | None = Field(default=None, description="Until the host's name was looked up.")
    connect: float | None = Field(default=None, description="Until there was a connection.")
    tls: float | None = Field(default=None, description="Until TLS was agreed upon.")
    send: float | None = Field(default=None, description="Until the request was handed over.")
    wait: float | None = Field(default=None, description="Until the answer's head was there.")
    read: float | None = Field(default=None, description="Until the answer's body was read.")


class Attempt(BaseModel):
    """One attempt to deliver; `duration_ms` is the whole exchange, `status_code` null where no answer came. Of the
    request's headers, values that may be secret are `***`; of the answer's, the first ones are kept."""

    model_config = ConfigDict(extra="ignore")

    number: int
    at: str
    duration_ms: float
    status_code: int | None = None
    error: str | None = None
    request_headers: dict[str, str] = {}
    response_headers: dict[str, str] = {}
    response_excerpt: str | None = None
    timing_ms: Timing = Timing()
    connection_reused: bool | None = Field(default=None, description="Null where nothing is known of the connection.")
    outcome: str


class AttemptPage(BaseModel):
    """The attempts of a delivery, the first one first."""

    data: list[Attempt]
    next_cursor: str | None = None


class StreamQuery(BaseModel):
    """Which part of an endpoint's stream."""

    model_config = ConfigDict(extra="forbid")

    after: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="The last number that is known already; 0: from the first. Unless given: what was committed.",
    )
    limit: int = Field(default=100, ge=1, le=100)


class StreamedEvent(BaseModel):
    """One event of an endpoint's stream. `event` is what is delivered, or would be; it is null, as the type may be,
    where the log no longer has it. Where nothing is sent there is no `delivery_id`."""

    model_config = ConfigDict(extra="ignore")

    sequence: int
    delivery_id: str | None = None
    event_id: str
    event_type: str | None = None
    event: Any = None


class StreamPage(BaseModel):
    """A part of an endpoint's stream, in the order of the numbers, behind the number `after`. `last` is the `after` of
    the next call, `committed` what it is unless given."""

    data: list[StreamedEvent]
    after: int = 0
    last: int = 0
    committed: int = 0


class Commit(BaseModel):
    """The last number that was handled, and with it all before. A lower one than before: to read again."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(ge=0, le=2**53)


class Committed(BaseModel):
    """Up to where a stream was handled, and up to where it was said to be before."""

    committed: int
    before: int


class Ledger(BaseModel):
    """How many deliveries to an endpoint stand where: matched = delivered + pending + dead_lettered."""

    matched: int
    delivered: int
    pending: int
    dead_lettered: int


class TestEvent(BaseModel):
    """The type of the test event that is to be sent: `endpoint.test`, or any of the catalogue, with example data."""

    model_config = ConfigDict(extra="forbid")

    event_type: Annotated[EventType, AfterValidator(_known)] = TEST_EVENT


class ReplayRequest(BaseModel):
    """What is to be delivered once more: the events that the log took from `since` until `until`."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime
    event_types: list[EventPattern] = Field(default_factory=list, max_length=100)


class ReplayAccepted(BaseModel):
    """The replay will be worked off."""

    replay_id: str


class RedeliverRequest(Stretch):
    """Which of an endpoint's deliveries are to be made once more: those for which all of the given hold. What arrived
    can come again for as long as the log has its event."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["dead_lettered", "delivered"] = "dead_lettered"
    event_types: list[EventPattern] = Field(default_factory=list, max_length=100)
    subject: Subject | None = None


class Redelivery(BaseModel):
    """How far a redelivery is: how many deliveries are due again, and how many were `skipped`, since the log no longer
    has their event or they had changed meanwhile."""

    model_config = ConfigDict(extra="ignore")

    redelivery_id: str
    asked_at: str
    completed: bool
    redelivered: int
    skipped: int
