"""External ids: `42`, `42:315` for a place in a course, `42:700:315` for something of a person in a course. Pure."""

from __future__ import annotations

import re

_ID = r"[1-9]\d{0,17}"
_SINGLE = re.compile(_ID, re.ASCII)
_PATTERNS = {
    "enrollments": re.compile(rf"(?P<course>{_ID}):(?P<user>{_ID})", re.ASCII),
    "grades": re.compile(rf"(?P<course>{_ID}):{_ID}:(?P<user>{_ID})", re.ASCII),
    "completions": re.compile(rf"(?P<course>{_ID}):(?:{_ID}|course):(?P<user>{_ID})", re.ASCII),
}


def single(key: str) -> int | None:
    """Return the number that a key of a course, a group or a person is; None where it is none."""
    return int(key) if _SINGLE.fullmatch(key) else None


def place_of(stream: str, key: str) -> tuple[int, int] | None:
    """Return the course and the person in a key of one of the other streams; None where it is no such key."""
    pattern = _PATTERNS.get(stream)
    match = pattern.fullmatch(key) if pattern is not None else None
    return None if match is None else (int(match["course"]), int(match["user"]))
