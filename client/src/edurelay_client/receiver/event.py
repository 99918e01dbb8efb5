"""The event in a webhook's body, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson


class MalformedBody(ValueError):
    """The body holds no event."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event as it came.

    `key` is the same whenever this event comes again. `body` and `headers` are what was received, the headers' names
    in small letters; `subject` and `source` are there where the endpoint asked for CloudEvents.
    """

    id: str
    type: str
    time: datetime
    data: Any
    key: str
    body: bytes
    headers: Mapping[str, str]
    subject: str | None = None
    source: str | None = None


def event_of(headers: Mapping[str, str], body: bytes, key: str | None) -> WebhookEvent:
    """Read `{id, event, timestamp, data}` or a structured CloudEvent; without a `key`, its id is it.

    Raises `MalformedBody`.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise MalformedBody("the body is no JSON object")
    kind, moment = ("type", "time") if "specversion" in found else ("event", "timestamp")
    event_id = _text(found, "id")
    return WebhookEvent(
        id=event_id,
        type=_text(found, kind),
        time=_moment(found, moment),
        data=found.get("data"),
        key=key or event_id,
        body=body,
        headers=headers,
        subject=_text(found, "subject") if "subject" in found else None,
        source=_text(found, "source") if "source" in found else None,
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedBody(f"{name} is missing or no text")
    return value


def _moment(found: Mapping[str, Any], name: str) -> datetime:
    text = _text(found, name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MalformedBody(f"{name} is no moment with a time zone")
    return moment
