"""What Edurelay tells a tenant of its own work, as events like any other.

They go out through the same machinery, to endpoints that name them: `endpoint.*`, `delivery.exhausted`. The pattern `*`
takes everything but them, so that who wants all of a school's events is not told of the plumbing as well. Their ids
follow from what they tell, so that what is told twice is delivered once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson

from edurelay.events.envelope import Event, now
from edurelay.events.ids import operational_event_id

SOURCE = "/edurelay"


class Operational(StrEnum):
    """The types; their data is in the catalogue."""

    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_RECOVERED = "endpoint.recovered"
    DELIVERY_EXHAUSTED = "delivery.exhausted"


NAMES = frozenset(each.value for each in Operational)


def operational_event(
    event_type: Operational,
    tenant: str,
    endpoint: str,
    data: Mapping[str, Any],
    *,
    moment: float,
    parts: tuple[str, ...],
) -> Event:
    """Return the event that tells `data` of an endpoint. `moment` (Unix time) and `parts` say which time this is: with
    the same ones the event has the same id."""
    return Event(
        id=operational_event_id(event_type, endpoint, int(moment * 1000), *parts),
        type=event_type.value,
        source=SOURCE,
        tenant=tenant,
        time=now(),
        data=orjson.dumps({"endpoint_id": endpoint, **data}),
        subject=endpoint,
        maybe_repeated=True,
    )
