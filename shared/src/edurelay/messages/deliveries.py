"""`edurelay.deliveries`: one message for each attempt to deliver, keyed by the endpoint's id."""

from __future__ import annotations

from enum import StrEnum

from edurelay.messages.base import InternalMessage


class DeliveryStatus(StrEnum):
    """Where a delivery stands; `PENDING` covers everything that may still be attempted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD_LETTERED = "dead_lettered"


class AttemptMade(InternalMessage):
    """One attempt: `number` counts from 1, `status_code` is None where no answer came, `error` says why then;
    `duration_ms` is the whole exchange; `status` is where the attempt left its delivery."""

    delivery_id: str
    event_id: str
    event_type: str
    endpoint_id: str
    tenant: str
    number: int
    at: str
    duration_ms: float
    status: DeliveryStatus
    status_code: int | None = None
    error: str | None = None
