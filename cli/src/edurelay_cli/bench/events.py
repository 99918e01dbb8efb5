"""The events that the benchmark is about: a kilobyte each, as a caller would publish them."""

from __future__ import annotations

import time
from typing import Any

import orjson

from edurelay.events.envelope import Event, Message, now
from edurelay.events.ids import new_event_id
from edurelay.events.topics import EVENTS

EVENT_TYPE = "bench.measured"

#: The size of the JSON text that is published, in bytes.
SIZE = 1024


def published_body(sent: float = 0.0, event_type: str = EVENT_TYPE) -> bytes:
    """Return the body of `POST /v1/events`; `sent` (Unix seconds) travels along to the receiver."""
    return _filled({"type": event_type, "data": _data(sent)}, SIZE)


def delivered_body() -> bytes:
    """Return the body that the dispatcher makes of a published one, for some event."""
    data = orjson.loads(published_body())["data"]
    return orjson.dumps({"id": new_event_id(), "event": EVENT_TYPE, "timestamp": now(), "data": data})


def message(tenant: str) -> Message:
    """Return an event as the gateway would have written it into the log."""
    data = orjson.loads(published_body())["data"]
    event = Event(
        id=new_event_id(),
        type=EVENT_TYPE,
        source="/edurelay/gateway",
        tenant=tenant,
        time=now(),
        data=orjson.dumps(data),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return event.message(EVENTS.name)


def _data(sent: float) -> dict[str, Any]:
    return {
        "sent": sent or time.time(),
        "student": {"id": "stu_4711", "name": "María Fernanda Núñez", "email": "maria@example.org", "active": True},
        "course": {"id": "crs_0815", "name": "Introduction to Statistics", "credits": 6},
        "scores": [91.5, 78, 84.25, 66],
        "note": "",
    }


def _filled(body: dict[str, Any], size: int) -> bytes:
    """Return the body as JSON text of exactly `size` bytes."""
    body["data"]["note"] = "x" * (size - len(orjson.dumps(body)))
    return orjson.dumps(body)
