"""One record written by a call, instead of coming out of the log: its event travels in the document until it is sent.

The entities have no index for unsent events (`store`), so the key of the document is noted down first, and crossed
out when the event is sent. What a crash leaves noted down is looked after by a sweep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from edurelay.events.envelope import Message, now
from edurelay.events.ids import new_id
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.model import model_of
from edurelay.mongo import ASCENDING, Database, Document
from edurelay.mongo.outbox import Outbox, pending
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay.runtime.tracing import current_traceparent
from edurelay_mapping import store
from edurelay_mapping.assignments import Assignments, MappingConflict
from edurelay_mapping.canonical import canonical, fingerprint
from edurelay_mapping.changes import Verdict, judge
from edurelay_mapping.connections import Connections
from edurelay_mapping.documents import Version, event_of, new_document, next_version
from edurelay_mapping.errors import UNAVAILABLE
from edurelay_mapping.identity import KINDS, Identity
from edurelay_mapping.predecessors import Predecessors
from edurelay_mapping.references import resolver

#: How long a call waits for Kafka, in seconds, before it leaves the event to the sweep.
PATIENCE = 2.0

#: The sweep leaves notes alone that are younger: their call is still at work. It crosses out those that are so old
#: that no call can be.
YOUNG, OLD = timedelta(seconds=5), timedelta(seconds=60)

#: How many notes one sweep looks after, and the pause between two sweeps, in seconds.
NOTES, PAUSE = 200, 5.0

_log = get_logger(__name__)


class SingleWrites:
    """Writes single records."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        assignments: Assignments,
        connections: Connections,
        predecessors: Predecessors,
    ) -> None:
        self._entities = database[store.ENTITIES]
        self._notes = database[store.UNSENT]
        self._outbox = outbox
        self._assignments = assignments
        self._connections = connections
        self._predecessors = predecessors

    async def put(self, identity: Identity, attributes: Mapping[str, Any]) -> tuple[Document, bool]:
        """Write a record; return its document, and whether it was created. What says nothing new changes nothing.

        The event is sent before the return if Kafka takes it soon, and else later. Raises `Unmappable` or
        `MappingConflict`.
        """
        assigned = await self._assignments.among([(identity.place, {identity.external_id: attributes})])
        inside_id = assigned.get(identity.home, identity.derived_id)
        version = _version(identity, attributes, assigned)
        note = {"_id": new_id("note"), "home": identity.home, "at": datetime.now(UTC)}
        await self._connections.remember({identity.connection})
        await self._notes.insert_one(note)
        document = None
        while document is None:
            stored = await self._entities.find_one({"_id": identity.home})
            match judge(stored, None, 0, version.fingerprint):
                case Verdict.TAKEN:
                    raise MappingConflict("internal_id")
                case Verdict.NEW:
                    document = await self._insert(new_document(identity.home, identity, inside_id, version))
                case Verdict.CHANGED:
                    assert stored is not None, "only what is stored can change"
                    document = await self._replace(stored, version)
                case _:
                    assert stored is not None, "only what is stored can stay the same"
                    await self._send(note)
                    return stored, False
        await self._send(note)
        return document, document["version"] == 1

    async def keep_sweeping(self) -> None:
        """Look after the notes that crashed or cut off calls have left, for ever."""
        while True:
            try:
                await self.sweep()
            except UNAVAILABLE as error:
                _log.warning("unsent events have to wait", reason=str(error))
            await asyncio.sleep(PAUSE)

    async def sweep(self) -> None:
        """Send what is noted down as unsent. Raises `KafkaUnavailable` or one of `StoreUnavailable`."""
        moment = datetime.now(UTC)
        found = self._notes.find({"at": {"$lte": moment - YOUNG}}).sort("at", ASCENDING).limit(NOTES)
        for note in await found.to_list(NOTES):
            await self._outbox.flush(note["home"])
            if note["at"] <= moment - OLD:
                await self._notes.delete_one({"_id": note["_id"]})

    async def _insert(self, document: Document) -> Document | None:
        unsent = pending(_event(document))
        return None if await insert_new(self._entities, [{**document, "unsent": unsent}]) else document

    async def _replace(self, stored: Document, version: Version) -> Document | None:
        update, document = next_version(stored, version)
        unsent = pending(*await self._predecessors.untold([stored], None), _event(document))
        result = await self._entities.update_one(
            {"_id": stored["_id"], "version": stored["version"]}, {**update, "$push": {"unsent": {"$each": unsent}}}
        )
        return document if result.matched_count else None

    async def _send(self, note: Document) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._outbox.flush(note["home"])
        except (KafkaUnavailable, TimeoutError) as error:
            _log.warning("an event has to wait for Kafka", reason=str(error))
        else:
            await self._notes.delete_one({"_id": note["_id"]})


def _version(identity: Identity, attributes: Mapping[str, Any], assigned: Mapping[str, str]) -> Version:
    references = model_of(KINDS[identity.entity_type]).references
    form = canonical(attributes, references, resolver(*identity.connection, assigned))
    return Version(form, fingerprint(identity.entity_type, form), now())


def _event(document: Document) -> Message:
    """Return the event of a document, marked, since an outbox may send twice what it took in once."""
    return event_of(document, maybe_repeated=True, traceparent=current_traceparent())
