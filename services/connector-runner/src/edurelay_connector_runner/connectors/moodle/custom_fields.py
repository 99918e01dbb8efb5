"""The fields that a site invented: of courses, and of people's profiles. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edurelay_connector_runner.connectors.moodle.config import PROFILE_PREFIX
from edurelay_connector_runner.connectors.moodle.fields import Fields, instant, text
from edurelay_connector_runner.sdk import BadRecord

_SCALAR = (str, int, float, bool)


def course_fields(raw: Fields) -> dict[str, Any]:
    """Return a course's custom fields by short name, without the empty ones.

    The raw value is taken where it means something: not for a choice, where it is only a position, and whose label
    is told beside it.
    """
    return dict(sorted((name, value) for name, field in _named(raw) if (value := _value(field)) is not None))


def _value(field: Fields) -> Any:
    value = field.get("value") if field.get("type") == "select" else field.get("valueraw")
    if value is None or value == "":
        return None
    if field.get("type") == "checkbox":
        return bool(value)
    if field.get("type") == "date":
        return instant(value, "customfields")
    if not isinstance(value, _SCALAR):
        raise BadRecord("a custom field holds no single value", field="customfields")
    return value


def profile_fields(raw: Fields) -> dict[str, str]:
    """Return the fields of a person's profile by short name."""
    return {
        name: value
        for name, field in sorted(_named(raw), key=lambda named: named[0])
        if (value := text(field, "value"))
    }


def school_number(raw: Fields, field: str) -> str | None:
    """Return a person's number in the school's own records, out of the field that holds it."""
    if field.startswith(PROFILE_PREFIX):
        return profile_fields(raw).get(field.removeprefix(PROFILE_PREFIX))
    return text(raw, field)


def _named(raw: Fields) -> Iterator[tuple[str, Fields]]:
    listed = raw.get("customfields")
    if listed is None:
        return
    if not isinstance(listed, list):
        raise BadRecord("this is no list", field="customfields")
    for field in listed:
        if not isinstance(field, dict) or not isinstance(field.get("shortname"), str):
            raise BadRecord("a custom field has no short name", field="customfields")
        yield field["shortname"], field
