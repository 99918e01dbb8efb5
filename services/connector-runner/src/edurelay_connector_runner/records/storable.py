"""What every later step can store: the JSON gate's rules, held against values that no JSON parser has seen.

A connector builds values of its own, out of CSV lines or XML. A number beyond 64 bits, a NUL, a lone surrogate or
a deep nest would pass the topic and then fail in the database, for ever. It is found here, and only its record is
rejected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from edurelay.web.gate import JsonRejected, Limits, field_path, parse_json

#: One record has to leave room for the envelope of an event and the limit of a message.
LIMITS = Limits(bytes=256 * 1024, depth=32, nodes=20_000)
MAX_RAW = 64 * 1024
MAX_REASON = 1_000
#: What a run shows as its result, in bytes: it travels in one message, beside the errors of the streams.
MAX_RESULT = 256 * 1024

T = TypeVar("T")

INT64 = range(-(2**63), 2**63)


class Unstorable(ValueError):
    """A value that a later step could not write. `field` is the path to it, such as `extra.notes[3]`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def check(value: Any) -> int:
    """Return the size of `value` as JSON text in bytes. Raises `Unstorable`."""
    try:
        text = orjson.dumps(value)
    except TypeError as error:
        raise Unstorable(field_path(_unwritable(value)), str(error)) from error
    try:
        written = parse_json(text, LIMITS)
    except JsonRejected as error:
        raise Unstorable(error.field or "", error.detail) from error
    if written != value:
        raise Unstorable(field_path(_changed(value, written)), "the value cannot be written as JSON unchanged")
    return len(text)


def _members(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return [(str(key), inner) for key, inner in value.items()]
    return list(enumerate(value)) if isinstance(value, (list, tuple)) else []


def _unwritable(value: Any) -> list[str | int]:
    """Return the path to the first value that makes the writing of the whole fail."""
    for key, inner in _members(value):
        try:
            orjson.dumps(inner)
        except TypeError:
            return [key, *_unwritable(inner)]
    return []


def _changed(value: Any, written: Any) -> list[str | int]:
    """Return the path to the first value that is read back as another one, such as a number that is not finite."""
    for (key, inner), (_, other) in zip(_members(value), _members(written), strict=False):
        if inner != other:
            return [key, *_changed(inner, other)]
    return []


def readable(text: str, limit: int = MAX_REASON) -> str:
    """Return `text` with whatever cannot be stored made visible, cut to `limit` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text.replace("\x00", "␀").encode("utf-8", "backslashreplace").decode()


def fitting(shown: Any, more: Sequence[T]) -> Sequence[T]:
    """Return the first of `more` that can still be shown in a result beside what is `shown` already."""
    room = MAX_RESULT - len(orjson.dumps(shown))
    for count, one in enumerate(more):
        room -= len(orjson.dumps(one)) + 1
        if room < 0:
            return more[:count]
    return more


def nearest(value: Any) -> Any:
    """Return the storable value nearest to a provider's record, for people to look at and for another try.

    What cannot be stored becomes text; a record that is larger than `MAX_RAW` becomes the beginning of its text.
    """
    near = _near(value, 1)
    size = orjson.dumps(near)
    return near if len(size) <= MAX_RAW else readable(size[:MAX_RAW].decode("utf-8", "ignore"), MAX_RAW)


def _near(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return readable(value, MAX_RAW)
    if isinstance(value, int):
        return value if value in INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (Mapping, list, tuple)) and depth > LIMITS.depth:
        return "…"
    if isinstance(value, Mapping):
        return {readable(str(key)): _near(inner, depth + 1) for key, inner in list(value.items())[: LIMITS.nodes]}
    if isinstance(value, (list, tuple)):
        return [_near(inner, depth + 1) for inner in value[: LIMITS.nodes]]
    return readable(str(value), MAX_RAW)
