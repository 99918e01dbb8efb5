"""Which document stands for which record: every key can be computed, so no look-up stands before a look-up.

A document's key ends in the inside id that follows from the record's outside id (`edurelay.events.ids.internal_id`),
so its primary key is both unique keys at once: one document for each (connection, entity type, external id), and for
each (connection, entity type, internal id). An id that somebody chose instead is reserved by a second document under
that id, in the same collection: a record whose own id it is finds it taken, and so does a second assignment.
The tenant comes first, so that the documents of two tenants cannot meet in one key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from edurelay.events import ids
from edurelay.model import EntityType

#: The same few courses and schools are referred to again and again, so what they resolve to is remembered.
internal_id = lru_cache(maxsize=16_384)(ids.internal_id)

#: The character that follows the separator: `prefix + "/"` up to `prefix + BEHIND` covers all keys below `prefix`.
BEHIND = "0"

KINDS: Mapping[str, EntityType] = {str(entity_type): entity_type for entity_type in EntityType}

#: Where records belong: tenant, connection, entity type.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Identity:
    """A record as its provider knows it, within one connection of one tenant."""

    tenant: str
    connection_id: str
    entity_type: str
    external_id: str

    @property
    def connection(self) -> tuple[str, str]:
        """The tenant and the connection."""
        return self.tenant, self.connection_id

    @property
    def place(self) -> Place:
        """The tenant, the connection and the kind of entity."""
        return self.tenant, self.connection_id, self.entity_type

    @property
    def derived_id(self) -> str:
        """The inside id, unless one was assigned."""
        return internal_id(self.tenant, self.connection_id, self.entity_type, self.external_id)

    @property
    def home(self) -> str:
        """The key of the document that stands for the record, whatever its inside id is."""
        return document_key(self.tenant, self.connection_id, self.entity_type, self.derived_id)

    @property
    def mapping_id(self) -> str:
        """The id of the mapping between the two ids, as the documented faces show it."""
        return ids.derived_uuid("mapping", self.tenant, self.connection_id, self.entity_type, self.external_id)


def document_key(tenant: str, connection_id: str, entity_type: str, inside_id: str) -> str:
    """Return the key under which an inside id stands."""
    return f"{tenant}/{connection_id}/{entity_type}/{inside_id}"


def key_range(tenant: str, connection_id: str, entity_type: str | None = None) -> tuple[str, str]:
    """Return the keys between which all documents of a connection stand, or those of one kind of entity."""
    prefix = f"{tenant}/{connection_id}" if entity_type is None else f"{tenant}/{connection_id}/{entity_type}"
    return f"{prefix}/", f"{prefix}{BEHIND}"
