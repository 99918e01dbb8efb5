"""The JSON Schema of each event type's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edurelay.events.catalogue import EVENT_TYPES, EventType
from edurelay_cli.contracts.text import json_text


def schema_of(event_type: EventType) -> dict[str, Any]:
    """Return the schema of an event type's data."""
    schema = event_type.data.model_json_schema()
    title = "".join(part.capitalize() for part in event_type.name.split("."))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": title,
        "description": event_type.summary,
    }


def files() -> Mapping[str, str]:
    """One file a type."""
    return {f"contracts/events/{name}.json": json_text(schema_of(each)) for name, each in EVENT_TYPES.items()}
