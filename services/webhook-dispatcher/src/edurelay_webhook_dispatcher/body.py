"""The body of a delivery: `{"id", "event", "timestamp", "data"}`, as the founding documents show it, with the id.

The event's data is put in as the bytes that stand in the log, never parsed, so that every attempt, redelivery and
replay of an event sends the same bytes.
"""

from __future__ import annotations

import orjson

from edurelay.events.envelope import Event


def body_of(event: Event, *, with_subject: bool = False) -> bytes:
    """Return the bytes that are signed and sent; `with_subject`: the event's subject as well, where it has one."""
    subject = b',"subject":%b' % orjson.dumps(event.subject) if with_subject and event.subject is not None else b""
    return b'{"id":%b,"event":%b,"timestamp":%b%b,"data":%b}' % (
        orjson.dumps(event.id),
        orjson.dumps(event.type),
        orjson.dumps(event.time),
        subject,
        event.data,
    )
