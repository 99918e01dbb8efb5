"""The body of a delivery: `{"id", "event", "timestamp", "data"}`, as the founding documents show it, with the id.

The event's data is put in as the bytes that stand in the log, never parsed, so that every attempt, redelivery and
replay of an event sends the same bytes.
"""

from __future__ import annotations

import orjson

from edurelay.events.envelope import Event


def body_of(event: Event) -> bytes:
    """Return the bytes that are signed and sent."""
    return b'{"id":%b,"event":%b,"timestamp":%b,"data":%b}' % (
        orjson.dumps(event.id),
        orjson.dumps(event.type),
        orjson.dumps(event.time),
        event.data,
    )
