"""Event types and patterns of them: what may be written, and what it takes. Pure.

A type is dotted parts of letters, digits and underscores (Standard Webhooks 1.0.0). A pattern is a type in which a part
may be `*`: one part at the beginning or in the middle, one or more at the end. `*` alone takes everything, `student.*`
takes `student.created` and `student.plan.changed`, `*.created` takes `course.created`.
"""

from __future__ import annotations

_PART = "[a-zA-Z0-9_]+"

EVENT_TYPE = rf"{_PART}(\.{_PART})*"
EVENT_PATTERN = rf"(\*|{_PART})(\.(\*|{_PART}))*"
EVENT_TYPE_LENGTH = 128


def matches(pattern: str, event_type: str) -> bool:
    """Return True if the pattern takes events of this type."""
    wanted, parts = pattern.split("."), event_type.split(".")
    if wanted[-1] == "*":
        if len(parts) < len(wanted):
            return False
        wanted.pop()
    elif len(parts) != len(wanted):
        return False
    return all(want in ("*", part) for want, part in zip(wanted, parts, strict=False))
