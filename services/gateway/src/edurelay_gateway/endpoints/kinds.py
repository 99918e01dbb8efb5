"""Endpoints to which events are sent, and endpoints without an address, whose stream is read. One never becomes the
other: what it was promised would not hold any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edurelay_gateway.endpoints.models import EndpointCreate, StoredEndpoint
from edurelay_gateway.errors import NothingIsSent, OnlyForSending, UrlNotAllowed

#: What says how events are sent; all of it may be left as it is by default.
SENDING: Final = (
    "signature_profiles",
    "signature_algorithms",
    "headers",
    "auth",
    "rate_per_second",
    "max_in_flight",
    "retry_schedule",
    "order",
)


def check_only_read(fields: Mapping[str, Any]) -> None:
    """Raise `OnlyForSending` where a field of an endpoint without an address says how to send."""
    for name in SENDING:
        if name in fields and fields[name] != EndpointCreate.model_fields[name].get_default(call_default_factory=True):
            raise OnlyForSending(name)


def check_same_kind(seen: StoredEndpoint, url: str | None) -> None:
    """Raise `UrlNotAllowed` where a change would make an endpoint one of the other kind."""
    if (seen.url is None) != (url is None):
        reason = "nothing is sent to this endpoint" if seen.url is None else "events are sent to this endpoint"
        raise UrlNotAllowed(f"{reason}, and that stays so; make another endpoint")


def check_sent_to(seen: StoredEndpoint) -> None:
    """Raise `NothingIsSent` for an endpoint without an address."""
    if seen.url is None:
        raise NothingIsSent
