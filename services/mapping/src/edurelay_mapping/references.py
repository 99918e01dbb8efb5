"""What records refer to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edurelay.model import EntityType, model_of
from edurelay_mapping.canonical import Resolve
from edurelay_mapping.identity import KINDS, Place, document_key, internal_id


def keys_named_by(place: Place, records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the keys of the documents that stand for records, attributes by outside id, and for what they refer to."""
    tenant, connection, kind = place
    references = model_of(KINDS[kind]).references if records else {}
    for external_id, attributes in records.items():
        yield _key(tenant, connection, kind, external_id)
        for name, target in references.items():
            if type(referred := attributes.get(name)) is str:
                yield _key(tenant, connection, target, referred)


def resolver(tenant: str, connection: str, assigned: Mapping[str, str]) -> Resolve:
    """Return how a connection's references are resolved: to what was assigned, else to what follows from the id.

    That needs no look-up, so a record may come before what it refers to.
    """

    def derived(kind: EntityType, external_id: str) -> str:
        return internal_id(tenant, connection, kind, external_id)

    def looked_up(kind: EntityType, external_id: str) -> str:
        return assigned.get(_key(tenant, connection, kind, external_id)) or derived(kind, external_id)

    return looked_up if assigned else derived


def _key(tenant: str, connection: str, kind: str, external_id: str) -> str:
    return document_key(tenant, connection, kind, internal_id(tenant, connection, kind, external_id))
