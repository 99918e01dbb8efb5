"""What the internal API answers: the stored documents in the words of the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from edurelay.events.envelope import timestamp, unix_timestamp
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.attempts import is_success
from edurelay_webhook_dispatcher.history import attempts_made, headers_of
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey


class AttemptView(BaseModel):
    """One attempt; `duration_ms` is the whole exchange, `timing_ms` where it went."""

    number: int
    at: str
    duration_ms: float
    status_code: int | None
    error: str | None
    response_excerpt: str
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    timing_ms: dict[str, float]
    connection_reused: bool | None
    outcome: Literal["succeeded", "failed"]

    @classmethod
    def of(cls, attempt: dict[str, Any]) -> AttemptView:
        """Read a stored attempt."""
        status, phases = attempt.get("status"), attempt.get("phases", {})
        return cls(
            number=attempt["n"],
            at=attempt["at"],
            duration_ms=attempt["ms"],
            status_code=status,
            error=attempt.get("error"),
            response_excerpt=attempt.get("excerpt", ""),
            request_headers=headers_of(attempt.get("sent", "")),
            response_headers=headers_of(attempt.get("got", "")),
            timing_ms=phases,
            connection_reused="lookup" not in phases if phases else None,
            outcome="succeeded" if is_success(status) else "failed",
        )


class DeliveryView(BaseModel):
    """One delivery; `sequence` is its number in the endpoint's stream, `attempts` how many were made; for one that
    is `parked` the later ones of its subject wait."""

    id: str
    event_id: str
    event_type: str
    subject: str | None
    endpoint_id: str
    sequence: int | None
    status: str
    parked: bool
    reason: str | None
    attempts: int
    created_at: str
    updated_at: str
    next_attempt_at: str | None

    @classmethod
    def of(cls, document: Document) -> DeliveryView:
        """Read a stored delivery."""
        key = DeliveryKey.from_stored(document["_id"])
        due = document.get("due_at")
        return cls(
            id=key.text,
            event_id=document["event_id"],
            event_type=document["type"],
            subject=document.get("subject"),
            endpoint_id=key.endpoint,
            sequence=document.get("sequence"),
            status=document["status"],
            parked="parked" in document,
            reason=document.get("reason"),
            attempts=attempts_made(document["attempts"]),
            created_at=unix_timestamp(key.moment / 1000),
            updated_at=unix_timestamp(document["updated"]),
            next_attempt_at=unix_timestamp(due) if due is not None else None,
        )


class EventView(BaseModel):
    """One published event."""

    id: str
    type: str
    subject: str | None
    time: str
    source: str

    @classmethod
    def of(cls, entry: Entry) -> EventView:
        """Read an entry of the index."""
        return cls(id=entry.id, type=entry.type, subject=entry.subject, time=entry.time, source=entry.source)


class DeliveryOfEvent(BaseModel):
    """Where an event went."""

    id: str
    endpoint_id: str
    status: str
    attempts: int


class EventDetail(EventView):
    """One published event with its data, None where the log no longer has it, and where it went."""

    data: Any = None
    data_available: bool = True
    deliveries: list[DeliveryOfEvent] = Field(default_factory=list)


class EventPage(BaseModel):
    """A page of events."""

    data: list[EventView]
    next_cursor: str | None


class DeliveryPage(BaseModel):
    """A page of deliveries."""

    data: list[DeliveryView]
    next_cursor: str | None


class AttemptPage(BaseModel):
    """All attempts of a delivery that its history keeps."""

    data: list[AttemptView]
    next_cursor: str | None = None


class StreamedEvent(BaseModel):
    """One event in its endpoint's stream. `event` is the body as it is delivered; it is None, as the type may be, where
    the log no longer has it. Where nothing is sent there is no delivery."""

    sequence: int
    delivery_id: str | None
    event_id: str
    event_type: str | None
    event: Any = None


class StreamPage(BaseModel):
    """A part of an endpoint's stream: what is behind the number `after`. `committed` is up to where it was handled."""

    data: list[StreamedEvent]
    after: int
    committed: int


class Committed(BaseModel):
    """Up to where a stream was handled, and up to where it was said to be before."""

    committed: int
    before: int


class Ledger(BaseModel):
    """How many deliveries of an endpoint stand where: matched = delivered + pending + dead_lettered."""

    matched: int
    delivered: int
    pending: int
    dead_lettered: int


class RedeliveryView(BaseModel):
    """How far a redelivery is: how many deliveries are due again, and how many were left out, since the log no longer
    has their event or they had changed meanwhile."""

    redelivery_id: str
    asked_at: str
    completed: bool
    redelivered: int
    skipped: int

    @classmethod
    def of(cls, document: Document) -> RedeliveryView:
        """Read a stored redelivery."""
        return cls(
            redelivery_id=document["_id"],
            asked_at=timestamp(document["asked_at"]),
            completed="open" not in document,
            redelivered=document["redelivered"],
            skipped=document["skipped"],
        )


class ReplayAsked(BaseModel):
    """The id of a replay that will be worked off."""

    replay_id: str
