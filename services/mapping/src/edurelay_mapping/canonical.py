"""The canonical form of a record's attributes, and what makes two of them the same.

What is absent, null or an empty `extra` says the same, so that a field which the model gains later changes nothing
that was read before. A reference `course` becomes `course_id` and `course_external_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from edurelay.model import EntityType

#: One record's attributes as JSON text; an event has to fit into a message, and a webhook into a receiver.
MAX_BYTES = 512 * 1024

#: How deeply attributes may nest, as at the edge (docs/adr on JSON limits): the database takes no more than 100.
MAX_DEPTH = 32

_INT64 = range(-(2**63), 2**63)
_PLAIN = frozenset({str, bool, float, type(None)})

#: Finds the inside id of what a reference points to: (entity type, external id) -> inside id.
Resolve = Callable[[EntityType, str], str]


class Unmappable(ValueError):
    """A record cannot be kept; `field` is the path of the part that stands in the way, where there is one."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


def canonical(attributes: Mapping[str, Any], references: Mapping[str, EntityType], resolve: Resolve) -> dict[str, Any]:
    """Return the canonical attributes. Raises `Unmappable` for what the database or a later reader cannot hold."""
    result: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None or (name == "extra" and value == {}):
            continue
        if name in references:
            if type(value) is not str:
                raise Unmappable("a reference has to be text", name)
            result[f"{name}_id"] = resolve(references[name], value)
            result[f"{name}_external_id"] = value
        else:
            if type(value) not in _PLAIN or "\0" in name:
                _check_storable(name, value, name, 1)
            result[name] = value
    return result


def fingerprint(entity_type: str, attributes: Mapping[str, Any]) -> bytes:
    """Return the hash by which a change is noticed; it does not depend on the order of keys. Raises `Unmappable`."""
    text = orjson.dumps([entity_type, attributes], option=orjson.OPT_SORT_KEYS)
    if len(text) > MAX_BYTES:
        raise Unmappable(f"the record has {len(text)} bytes, more than {MAX_BYTES}")
    return blake2b(text, digest_size=16).digest()


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of the attributes that differ, sorted. `1`, `1.0` and `true` differ, as they do in JSON."""
    return sorted(
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or _text(before[name]) != _text(after[name])
    )


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _check_storable(name: str, value: Any, path: str, depth: int) -> None:
    if "\0" in name:
        raise Unmappable("a field's name holds a NUL", path.replace("\0", "\\0"))
    if depth > MAX_DEPTH:
        raise Unmappable(f"nested more than {MAX_DEPTH} levels deep", path)
    kind = type(value)
    if kind is int:
        if value not in _INT64:
            raise Unmappable("the number does not fit into 64 bits", path)
    elif kind is dict:
        for key, item in value.items():
            _check_storable(key, item, f"{path}.{key}", depth + 1)
    elif kind is list:
        for number, item in enumerate(value):
            _check_storable("", item, f"{path}[{number}]", depth + 1)
    elif kind not in _PLAIN:
        raise Unmappable(f"{kind.__name__} is no JSON", path)
