"""Patterns of event types. Pure.

A pattern is a dotted event type in which a part may be `*`: one part in the middle, one or more at the end.
`*` alone takes everything, `student.*` takes `student.created` and `student.plan.changed`.
"""

from __future__ import annotations


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
