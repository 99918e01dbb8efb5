"""The one JSON gate: nothing enters that a later step could not write again.

Parsers disagree about depth, numbers, surrogates and sizes; what one accepts is poison for the next. So everything is
parsed once at the edge, by the strictest parser, and held to what the narrowest later step can take: Kafka's size,
orjson's nesting when it writes, 64-bit integers and key names of the document store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from edurelay.web.problems import Problem

TWO_TO_63 = 2.0**63

#: How much of a field's path is told back; a key can be as long as the body.
MAX_PATH = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What a JSON text may measure: its bytes, its nesting, and its values (members and elements) altogether."""

    bytes: int = 262_144
    depth: int = 32
    nodes: int = 20_000


DEFAULT = Limits()


class JsonRejected(Problem):
    """The JSON text is malformed or goes beyond a limit; `field` says where, as in `data.items[3].x`."""

    def __init__(self, code: str, detail: str, field: str, status: int = 400) -> None:
        super().__init__(status, code, detail, field=field)


#: A container that is still to be looked at: itself, the entry of the container around it, its key there, its depth.
_Entry = tuple[Any, Any, "str | int | None", int]


def parse_json(raw: bytes, limits: Limits = DEFAULT) -> Any:
    """Return the value of the JSON text `raw`. Raises `JsonRejected`."""
    if len(raw) > limits.bytes:
        raise JsonRejected("too_large", f"The JSON text is larger than {limits.bytes} bytes.", "body", 413)
    _check_structure(raw, limits)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed(raw, error, limits) from None
    if _check_values(value, limits, escaped=b"\\" in raw):
        # A number of this size was an integer or a float; only a parser that keeps integers exact can tell.
        _check_values(json.loads(raw, parse_int=_bounded_int), limits, escaped=False)
    return value


def _check_structure(raw: bytes, limits: Limits) -> None:
    """Refuse too many values before they are built: a megabyte of `[],` would block the loop for 100 ms.

    Each comma outside of a string parts two values, and each bracket opens one, so that neither can outnumber them.
    """
    most = limits.nodes
    if raw.count(b",") <= most and raw.count(b"[") + raw.count(b"{") <= most:
        return
    outside = b"".join(raw.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    if outside.count(b",") > most or outside.count(b"[") + outside.count(b"{") > most + 1:
        raise _too_many(limits, "body")


def _check_values(root: Any, limits: Limits, *, escaped: bool) -> bool:
    """Walk through all values. Returns whether a float was met that may have been written as an integer.

    `escaped` says whether there was a backslash in the text: without one, JSON can write no control character.
    This runs for every value that comes in, and is written for speed: an entry for a container, nothing for a value.
    """
    doubtful = False
    nodes = 0
    is_container = type(root) is dict or type(root) is list
    stack: list[_Entry] = [(root, None, None, 1) if is_container else ([root], None, None, 0)]
    while stack:
        entry = stack.pop()
        container, _, _, depth = entry
        if depth > limits.depth:
            raise JsonRejected("too_deep", f"The JSON text is nested deeper than {limits.depth} levels.", _path(entry))
        nodes += len(container)
        if nodes > limits.nodes:
            raise _too_many(limits, _path(entry))
        if type(container) is dict:
            names = "".join(container)
            if escaped or "$" in names or "." in names:
                _check_names(entry)
            members: Iterable[tuple[Any, Any]] = container.items()
        else:
            members = enumerate(container)
        for key, value in members:
            kind = type(value)
            if kind is str:
                if escaped and "\0" in value:
                    raise JsonRejected("nul_character", "A text must not contain the NUL character.", _path(entry, key))
            elif kind is int:
                if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
                    raise JsonRejected("integer_out_of_range", "An integer must fit into 64 bits.", _path(entry, key))
            elif kind is dict or kind is list:
                stack.append((value, entry, key, depth + 1))
            elif kind is float and not -TWO_TO_63 < value < TWO_TO_63:
                doubtful = True
    return doubtful


def _check_names(entry: _Entry) -> None:
    """Refuse a name that the document store reads as an operator or a path, or cannot write at all."""
    for name in entry[0]:
        if name.startswith("$") or "." in name or not (name.isprintable() or min(name) >= " "):
            raise JsonRejected(
                "forbidden_key",
                "A name must not begin with `$`, nor contain a dot or a control character.",
                _path(entry, name),
            )


def _bounded_int(text: str) -> int:
    """Return the integer, or one that is out of range as well where it is too long to be worth reading."""
    return int(text) if len(text) <= 20 else 2**63


def _path(entry: _Entry, key: str | int | None = None) -> str:
    """Return the path of `key` within the container of `entry`; `body` for the JSON text as a whole."""
    if entry[3] == 0:
        return "body"
    keys = [key]
    while entry[1] is not None:
        keys.append(entry[2])
        entry = entry[1]
    return field_path([each for each in reversed(keys) if each is not None])


def field_path(keys: Sequence[str | int]) -> str:
    """Return the keys as one path, `data.items[3].x`, cut to a length that can be told back."""
    path = ""
    for key in keys:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else key
        if len(path) > MAX_PATH:
            return path[:MAX_PATH] + "…"
    return path or "body"


def _too_many(limits: Limits, field: str) -> JsonRejected:
    return JsonRejected("too_many_values", f"The JSON text has more than {limits.nodes} values.", field)


def _malformed(raw: bytes, error: orjson.JSONDecodeError, limits: Limits) -> JsonRejected:
    if error.msg.startswith("depth limit"):
        return JsonRejected("too_deep", f"The JSON text is nested deeper than {limits.depth} levels.", "body")
    if not raw.strip():
        return JsonRejected("body_required", "A JSON text is needed and there is none.", "body")
    where = f"line {error.lineno}, column {error.colno}"
    return JsonRejected("malformed_json", f"This is not valid JSON in UTF-8: {error.msg} at {where}.", "body")
