"""The document of a delivery: what is written when something became of it, and what work is made of it again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from edurelay.events.envelope import Message, unix_timestamp
from edurelay.events.topics import DELIVERIES as ATTEMPTS_TOPIC
from edurelay.messages.deliveries import AttemptMade, DeliveryStatus
from edurelay.mongo import Document, UpdateOne
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.blocks import Ticket
from edurelay_webhook_dispatcher.body import format_fields
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.store import SKIPPED
from edurelay_webhook_dispatcher.work import State, Work

_OF_AN_OPEN_ONE: Final = ("body", "due_at", "reason", "traceparent", "forgiven", "ids", "parked")


@dataclass(frozen=True, slots=True)
class Written:
    """Where a delivery stands, the attempt that left it there, and whether the store hears of it for the `first`
    time."""

    work: Work
    state: State
    attempt: Attempt | None
    first: bool


def document_of(entry: Written) -> Document:
    """Return the document of a delivery that has none yet."""
    work = entry.work
    return {
        "_id": work.key.stored,
        "endpoint": work.key.endpoint,
        "event_id": work.event_id,
        "type": work.event_type,
        **({"subject": work.subject} if work.subject is not None else {}),
        "status": entry.state.status.value,
        "attempts": work.attempts,
        "updated": clock.now(),
        **({"sequence": work.ticket.number} if work.ticket is not None else {}),
        **format_fields(work.body),
        **_open_fields(entry),
    }


def update_of(name: str, entry: Written) -> UpdateOne:
    """Return what is changed of a delivery's document, by its primary key."""
    fields = _open_fields(entry)
    fields |= {"status": entry.state.status.value, "attempts": entry.work.attempts, "updated": clock.now()}
    gone = {name: "" for name in _OF_AN_OPEN_ONE if name not in fields}
    # A delivery that arrived stays delivered, whatever a late attempt of another dispatcher says, and one that was
    # skipped is left alone unless it arrived.
    query: Document = {"_id": name, "status": {"$ne": DeliveryStatus.DELIVERED.value}}
    if entry.state.delivered:
        gone[SKIPPED] = ""
    else:
        query[SKIPPED] = None
    return UpdateOne(query, {"$set": fields, "$unset": gone})


def message_of(entry: Written, attempt: Attempt) -> Message:
    """Return what the log gets to know of an attempt."""
    work = entry.work
    made = AttemptMade(
        delivery_id=work.key.text,
        event_id=work.event_id,
        event_type=work.event_type,
        endpoint_id=work.key.endpoint,
        tenant=work.key.tenant,
        number=work.attempts[-1]["n"],
        at=unix_timestamp(attempt.at),
        duration_ms=round(attempt.seconds * 1000, 2),
        status=entry.state.status,
        status_code=attempt.status,
        error=attempt.error,
    )
    return Message(ATTEMPTS_TOPIC.name, work.key.endpoint.encode(), made.encode())


def work_of(document: Document, entry: Document) -> Work:
    """Return a stored, open delivery that was claimed now as work, in the place that its entry has."""
    key, claimed_at = DeliveryKey.from_stored(document["_id"]), time.monotonic()
    return Work(
        key=key,
        event_id=document["event_id"],
        event_type=document["type"],
        body=document["body"],
        since=claimed_at,
        leased=claimed_at,
        traceparent=document.get("traceparent"),
        attempts=list(document["attempts"]),
        forgiven=document.get("forgiven", 0),
        ids=document.get("ids"),
        chain=entry.get("chain"),
        recorded=True,
        claimed=True,
        ticket=Ticket(key, document["event_id"], document["sequence"]) if "sequence" in document else None,
    )


def _open_fields(entry: Written) -> Document:
    """The fields that only an open delivery has: what another attempt, or a person, needs."""
    if entry.state.delivered:
        return {}
    fields: Document = {"body": entry.work.body}
    if entry.state.due is not None and not entry.state.waits:
        fields["due_at"] = entry.state.due
    if entry.state.parked:
        fields["parked"] = True
    if entry.state.reason is not None:
        fields["reason"] = entry.state.reason
    if entry.work.traceparent is not None:
        fields["traceparent"] = entry.work.traceparent
    if entry.work.forgiven:
        fields["forgiven"] = entry.work.forgiven
    if entry.work.ids is not None:
        fields["ids"] = entry.work.ids
    return fields
