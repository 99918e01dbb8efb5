"""The document that stands for a record: its mapping and its entity in one, and the event that follows from it.

The event is a pure function of the document. Whoever finds a document can tell again of its present version, with
the same id and the same bytes, long after the batch that made it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from edurelay.events.catalogue import Happening, entity_event_type
from edurelay.events.envelope import Event, Message
from edurelay.events.ids import entity_event_id
from edurelay.events.topics import EVENTS
from edurelay.model import EntityType, model_of
from edurelay.mongo import Document
from edurelay_mapping.canonical import changed_fields
from edurelay_mapping.changes import Position, earlier_after
from edurelay_mapping.identity import Identity

#: The version of a mapping that was made before its first record came: there is no entity yet.
NO_ENTITY = 0

_HEADLINES = {str(entity_type): model_of(entity_type).headline for entity_type in EntityType}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Version:
    """What a batch, or a single write, wants a document to say. A single write has no `position` and no run."""

    attributes: Mapping[str, Any]
    fingerprint: bytes
    moment: str
    position: Position | None = None
    epoch: int = 0
    run_id: str | None = None


def new_mapping(identity: Identity, inside_id: str, moment: str, metadata: Document) -> Document:
    """Return the document of a mapping without an entity."""
    return {
        "_id": identity.home,
        "tenant": identity.tenant,
        "connection_id": identity.connection_id,
        "entity_type": identity.entity_type,
        "external_id": identity.external_id,
        "internal_id": inside_id,
        "version": NO_ENTITY,
        "hash": b"",
        "metadata": metadata,
        "epoch": 0,
        "created_at": moment,
        "changed_at": moment,
    }


def new_document(home: str, identity: Identity, inside_id: str, version: Version) -> Document:
    """Return the document of a record that was never seen before. `home` is the identity's own, computed before."""
    document = {
        "_id": home,
        "tenant": identity.tenant,
        "connection_id": identity.connection_id,
        "entity_type": identity.entity_type,
        "external_id": identity.external_id,
        "internal_id": inside_id,
        "version": 1,
        "hash": version.fingerprint,
        "attributes": version.attributes,
        "changed": [],
        "epoch": version.epoch,
        "created_at": version.moment,
        "changed_at": version.moment,
    }
    if version.position is not None:
        document["position"] = version.position.document()
        document["created_run"] = document["changed_run"] = version.run_id
    return document


def next_version(stored: Document, version: Version) -> tuple[Document, Document]:
    """Return the update that replaces the present version, and the document that it will leave."""
    before = stored.get("attributes", {})
    changes: Document = {
        "version": stored["version"] + 1,
        "hash": version.fingerprint,
        "attributes": version.attributes,
        "changed": changed_fields(before, version.attributes) if stored["version"] != NO_ENTITY else [],
        "changed_at": version.moment,
    }
    gone = set()
    if version.position is not None:
        changes |= {"position": version.position.document(), "epoch": version.epoch, "changed_run": version.run_id}
        if stored["version"] == NO_ENTITY:
            changes["created_run"] = version.run_id
    elif "position" in stored:
        gone.add("position")
    earlier = earlier_after(stored, version.position)
    if earlier:
        changes["earlier"] = earlier
    elif "earlier" in stored:
        gone.add("earlier")
    update: Document = {"$set": changes}
    if gone:
        update["$unset"] = dict.fromkeys(sorted(gone), "")
    return update, {**{name: value for name, value in stored.items() if name not in gone}, **changes}


def event_of(document: Document, *, maybe_repeated: bool, traceparent: str | None = None) -> Message:
    """Return the message that tells of the document's present version."""
    entity_type = document["entity_type"]
    attributes = document["attributes"]
    data = {f"{entity_type}_id": document["internal_id"]}
    for name in _HEADLINES[entity_type]:
        data[name] = attributes.get(name)
    for name in ("connection_id", "external_id", "version", "changed", "attributes"):
        data[name] = document[name]
    event = Event(
        id=entity_event_id(
            document["tenant"],
            document["connection_id"],
            entity_type,
            document["external_id"],
            document["version"],
            milliseconds(document["changed_at"]),
        ),
        type=entity_event_type(entity_type, Happening.CREATED if document["version"] == 1 else Happening.UPDATED),
        source=f"/connections/{document['connection_id']}",
        tenant=document["tenant"],
        time=document["changed_at"],
        data=orjson.dumps(data),
        subject=document["internal_id"],
        traceparent=traceparent,
        maybe_repeated=maybe_repeated,
    )
    return event.message(EVENTS.name)


@lru_cache(maxsize=1024)
def milliseconds(moment: str) -> int:
    """Return an event's time as milliseconds since 1970. Raises `ValueError` where it is no moment."""
    return (datetime.fromisoformat(moment).astimezone(UTC) - _BEGINNING) // timedelta(milliseconds=1)
