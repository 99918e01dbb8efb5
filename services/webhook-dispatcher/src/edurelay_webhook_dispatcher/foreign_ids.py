"""A body in the ids of another system. Pure.

Each id of an entity in the data, and the body's `subject` where it has one, is replaced by the id that a connection's
provider knows the entity by. Where there is none, null stands in its place, and `missing_ids` in the data says where,
of what kind, and which of our ids it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from edurelay.events.identifiers import Identifier, entity_ids, kind_of
from edurelay.model import EntityType

#: One of our ids: of what kind of entity, and the id.
OurId: TypeAlias = tuple[EntityType, str]

MISSING = "missing_ids"


def ids_in(body: Mapping[str, Any], event_type: str) -> set[OurId]:
    """Return the ids that a body has. What is no text is no id of ours."""
    return {(each.kind, each.value) for each in _found(body, event_type) if isinstance(each.value, str)}


def with_foreign_ids(body: Mapping[str, Any], event_type: str, foreign: Mapping[OurId, str]) -> bytes:
    """Return the body with the ids in `foreign` for ours."""
    changed = dict(body)
    missing = []
    for each in sorted(_found(body, event_type), key=lambda each: each.path):
        known = foreign.get((each.kind, each.value)) if isinstance(each.value, str) else None
        _put(changed, each, known)
        if known is None:
            missing.append({"path": each.path, "type": each.kind.value, "id": each.value})
    if missing and isinstance(changed["data"], dict):
        changed["data"] = {**changed["data"], MISSING: missing}
    return orjson.dumps(changed)


def _found(body: Mapping[str, Any], event_type: str) -> Iterator[Identifier]:
    """The ids, each with its place from the top of the body."""
    data = body.get("data")
    if isinstance(data, dict):
        for each in entity_ids(event_type, data):
            yield Identifier(f"data.{each.place}".rstrip("."), each.name, each.kind, each.value)
    kind = kind_of(event_type)
    if kind is not None and body.get("subject") is not None:
        yield Identifier("", "subject", kind, body["subject"])


def _put(body: dict[str, Any], identifier: Identifier, value: str | None) -> None:
    members = body
    for name in identifier.place.split(".") if identifier.place else ():
        members[name] = members = dict(members[name])
    members[identifier.name] = value
