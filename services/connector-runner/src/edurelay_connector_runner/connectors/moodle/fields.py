"""Reads fields out of records that may hold anything. Pure; whatever does not fit raises `BadRecord`."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from edurelay.model import Entity
from edurelay_connector_runner.sdk import BadRecord

Fields = Mapping[str, Any]
Kind = TypeVar("Kind", bound=Entity)

#: Descriptions are HTML of any length; beyond this they are cut, and nothing else of their record is lost.
MAX_TEXT = 16_384
#: The last second of the year 9999.
_LATEST = 253_402_300_799
_INT64 = 2**63


def member(raw: Any, name: str) -> Fields:
    """Return the object under `name`."""
    value = fields(raw).get(name)
    if not isinstance(value, Mapping):
        raise BadRecord("there is no object here", field=name)
    return value


def fields(raw: Any) -> Fields:
    """Return the record's fields."""
    if not isinstance(raw, Mapping):
        raise BadRecord("the record is no object")
    return raw


def identity(raw: Fields, name: str = "id") -> str:
    """Return an id as text. Moodle gives some ids as numbers and some as text."""
    value = raw.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _INT64:
        raise BadRecord("there is no usable id", field=name)
    return str(value)


def text(raw: Fields, name: str) -> str | None:
    """Return a text without blanks around it; None where it is absent or empty."""
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRecord("this is no text", field=name)
    return value.strip() or None


def escaped(raw: Fields, name: str) -> str | None:
    """Return a name that Moodle escapes for HTML: of a course, a group or an activity, never of a person."""
    value = text(raw, name)
    return None if value is None else html.unescape(value).strip() or None


def long_text(raw: Fields, name: str) -> str | None:
    """Return a text of any length, cut where it is longer than the model allows."""
    value = text(raw, name)
    return value if value is None or len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"


def number(raw: Fields, name: str) -> float | None:
    """Return a number; floats without a fraction come as whole numbers."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300 or math.isnan(value):
        raise BadRecord("this is no number", field=name)
    return float(value)


def flag(raw: Fields, name: str, *, default: bool = False) -> bool:
    """Return a truth value: true and false in some functions, 1 and 0 in others, null where it may not be known."""
    value = raw.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value not in (0, 1):
        raise BadRecord("this is neither true nor false", field=name)
    return bool(value)


def moment(raw: Fields, name: str) -> str | None:
    """Return Unix seconds as UTC text; None where they are absent or 0, which is Moodle's word for never."""
    return instant(raw.get(name), name)


def instant(value: Any, name: str) -> str | None:
    """Return one time as UTC text."""
    if value is None or value == 0:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LATEST:
        raise BadRecord("this is no time", field=name)
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def entity(model: type[Kind], **values: Any) -> Kind:
    """Build an entity; what does not fit the model names its field."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise BadRecord(str(first["msg"]), field=".".join(str(part) for part in first["loc"])) from error


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has a value, in the order of names."""
    return {name: values[name] for name in sorted(values) if values[name] is not None}
