"""Which members of an event's data are ids, and of what: what a thin payload keeps, and what can be told in the ids of
another system. Pure.

They stand at the top of `data` and in `data.attributes`. An id of an entity is `<kind>_id` for each kind of entity
(`studentId` as well, as one founding document spells it), and `<reference>_id` for what the kind refers to that the
type begins with, such as `parent_id` in `organization.updated`. Further ids are those that the catalogue declares for
the type, such as `payment_id`. The provider's own (`external_id`) and the connection's belong to the hub's book-keeping
and are none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from edurelay.events.catalogue import EVENT_TYPES
from edurelay.model import EntityType, model_of

PLACES = ("", "attributes")

_BOOKKEEPING = ("external_id", "connection_id")
_BY_NAME = frozenset(EntityType)
_KINDS = {f"{kind}{ending}": kind for kind in EntityType for ending in ("_id", "Id")}


@dataclass(frozen=True, slots=True)
class Identifier:
    """One id in an event's data: where it stands, of what kind of entity it is, and the id."""

    place: str
    name: str
    kind: EntityType
    value: Any

    @property
    def path(self) -> str:
        """Its path from the top of the data."""
        return f"{self.place}.{self.name}" if self.place else self.name


def kind_of(event_type: str) -> EntityType | None:
    """Return the kind of entity that events of this type are about; None where they are about something else."""
    first = event_type.partition(".")[0]
    return EntityType(first) if first in _BY_NAME else None


def entity_ids(event_type: str, data: Mapping[str, Any]) -> Iterator[Identifier]:
    """Yield the ids of entities that the data has. A null refers to nothing and is none."""
    kinds = _kinds_by_name(event_type)
    for place in PLACES:
        members = data.get(place) if place else data
        if isinstance(members, Mapping):
            for name in kinds.keys() & members.keys():
                if members[name] is not None:
                    yield Identifier(place, name, kinds[name], members[name])


def only_ids(event_type: str, data: Any) -> dict[str, Any]:
    """Return what a thin payload has for data: the ids, where they stand."""
    names = _kinds_by_name(event_type).keys() | _declared(event_type)
    if not isinstance(data, Mapping):
        return {}
    kept: dict[str, Any] = {**_ids(data, names)}
    attributes = data.get("attributes")
    if isinstance(attributes, Mapping) and (below := _ids(attributes, names)):
        kept["attributes"] = below
    return kept


def _ids(members: Mapping[str, Any], names: frozenset[str] | set[str]) -> dict[str, str | int]:
    return {name: value for name, value in members.items() if name in names and type(value) in (str, int)}


@lru_cache(maxsize=1024)
def _kinds_by_name(event_type: str) -> Mapping[str, EntityType]:
    kind = kind_of(event_type)
    references = model_of(kind).references if kind is not None else {}
    return _KINDS | {f"{name}_id": target for name, target in references.items()}


@lru_cache(maxsize=1024)
def _declared(event_type: str) -> frozenset[str]:
    declared = EVENT_TYPES.get(event_type)
    fields = declared.data.model_fields if declared is not None else {}
    return frozenset(name for name in fields if name.endswith(("_id", "Id")) and name not in _BOOKKEEPING)
