"""The AsyncAPI 3 document of the public topic: what inside services may consume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edurelay.events import topics
from edurelay.events.catalogue import EVENT_TYPES, EventType
from edurelay_cli.contracts.schemas import schema_of
from edurelay_cli.contracts.text import json_text

HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_tenant", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "The same for every copy of an event: dedupe by it."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_tenant": {"type": "string", "description": "The institution that the event belongs to."},
        "ce_subject": {"type": "string", "description": "What the event is about; events of one subject are in order."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "maybe-repeated": {"const": "1", "description": "Present where the producer may have written it before."},
    },
}


def _message(event_type: EventType) -> dict[str, Any]:
    schema = schema_of(event_type)
    definitions = schema.pop("$defs", {})
    schema.pop("$schema")
    payload = {**schema, "definitions": definitions} if definitions else schema
    return {
        "name": event_type.name,
        "summary": event_type.summary,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": _moved(payload),
    }


def _moved(value: Any) -> Any:
    """Point references at `definitions`, where AsyncAPI's own schema dialect looks for them."""
    if isinstance(value, dict):
        return {key: _moved(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each) for each in value]
    return value.replace("#/$defs/", "#/definitions/") if isinstance(value, str) else value


def document() -> dict[str, Any]:
    """Return the document."""
    topic = topics.EVENTS
    names = sorted(EVENT_TYPES)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Edurelay domain events",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka's binary mode: attributes as headers, data as the value.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": topic.name,
                "description": topic.content,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "bindings": {"kafka": {"partitions": topic.partitions, "key": {"type": "string"}}},
            }
        },
        "operations": {
            "receiveEvents": {
                "action": "receive",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Consume with a group of your own; every event comes at least once.",
            }
        },
        "components": {
            "schemas": {"CloudEventHeaders": HEADERS},
            "messages": {name: _message(EVENT_TYPES[name]) for name in names},
        },
    }


def files() -> Mapping[str, str]:
    """The one file."""
    return {"contracts/asyncapi.json": json_text(document())}
