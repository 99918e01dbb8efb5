"""The body of a delivery: `{"id", "event", "timestamp", "data"}`, as the founding documents show it, with the id; or a
CloudEvent in JSON, with the attributes that the event has in the log.

The event's data is put in as the bytes that stand in the log, never parsed, so that every attempt, redelivery and
replay of an event sends the same bytes. Which of the two a body is, its beginning tells: a delivery that was pending
while its endpoint chose the other one is sent as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from edurelay.events.envelope import Event
from edurelay.messages.subscriptions import BodyFormat

CONTENT_TYPES = {
    BodyFormat.EDURELAY: "application/json",
    BodyFormat.CLOUDEVENTS: "application/cloudevents+json",
}

_CLOUDEVENT = b'{"specversion":"1.0",'


def body_of(event: Event, body_format: BodyFormat = BodyFormat.EDURELAY, *, with_subject: bool = False) -> bytes:
    """Return the bytes that are signed and sent; `with_subject`: the event's subject as well, where it has one. A
    CloudEvent has it in any case."""
    if body_format is BodyFormat.CLOUDEVENTS:
        return _cloudevent(event)
    subject = b',"subject":%b' % orjson.dumps(event.subject) if with_subject and event.subject is not None else b""
    return b'{"id":%b,"event":%b,"timestamp":%b%b,"data":%b}' % (
        orjson.dumps(event.id),
        orjson.dumps(event.type),
        orjson.dumps(event.time),
        subject,
        event.data,
    )


def format_of(body: bytes) -> BodyFormat:
    """Return the format in which a body was made."""
    return BodyFormat.CLOUDEVENTS if body.startswith(_CLOUDEVENT) else BodyFormat.EDURELAY


def format_fields(body: bytes) -> dict[str, str]:
    """Return what a delivery keeps of its body's format when the body is gone, so that redelivery sends it again."""
    found = format_of(body)
    return {} if found is BodyFormat.EDURELAY else {"body_format": found.value}


def kept_format(kept: Mapping[str, Any]) -> BodyFormat:
    """Return the format of a stored delivery, or replay."""
    return BodyFormat(kept.get("body_format", BodyFormat.EDURELAY))


def _cloudevent(event: Event) -> bytes:
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "tenant": event.tenant,
        "traceparent": event.traceparent,
        "datacontenttype": "application/json",
    }
    text = orjson.dumps({name: value for name, value in attributes.items() if value is not None})
    return b'%b%b,"data":%b}' % (_CLOUDEVENT, text[1:-1], event.data)
