"""Carries out a unit of work: look up, decide, write, tell, keep the outcome. In that order, so that a crash between
any two steps leaves batches that come again, find what they did, and go on from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from edurelay.events.envelope import Message
from edurelay.mongo import Database, Document, UpdateOne
from edurelay.mongo.writes import insert_new
from edurelay.runtime import metrics
from edurelay.runtime.together import together
from edurelay_mapping import store
from edurelay_mapping.arrival import Arrival
from edurelay_mapping.assignments import Assignments
from edurelay_mapping.changes import Outcome, Verdict
from edurelay_mapping.connections import Connections
from edurelay_mapping.documents import event_of, new_document, next_version
from edurelay_mapping.ledger import Ledger
from edurelay_mapping.lookup import find_by_keys
from edurelay_mapping.predecessors import Predecessors
from edurelay_mapping.unit import Item, homes, prepare

#: A unit that took longer may have been overtaken: another process may hold the partition by now, and have told of
#: the same changes. Well below the time after which a silent consumer loses its partitions.
OVERTAKEN_SECONDS = 10.0

#: How many documents one command replaces: a slow database has to answer before the driver gives up.
UPDATES = 100

#: What has to be known of a document to decide about a record.
_ENOUGH = {"hash": 1, "version": 1, "epoch": 1, "position": 1, "earlier": 1, "home": 1}


class PartitionLost(Exception):
    """The partition belongs to somebody else now, who does this work again."""


class Mapper:
    """Maps records to documents, and tells of their changes."""

    def __init__(
        self,
        database: Database,
        send_all: Callable[[Sequence[Message]], Awaitable[None]],
        *,
        assignments: Assignments,
        connections: Connections,
        ledger: Ledger,
        predecessors: Predecessors,
    ) -> None:
        self._entities = database[store.ENTITIES]
        self._send_all = send_all
        self._assignments = assignments
        self._connections = connections
        self._ledger = ledger
        self._predecessors = predecessors

    async def apply(self, unit: Sequence[Arrival], is_ours: Callable[[], bool]) -> None:
        """Do everything about a unit. `is_ours` tells whether the partition still belongs to this process.

        Raises `PartitionLost`, `KafkaUnavailable` or one of `StoreUnavailable`: nothing is lost then, the same
        batches have to come again, here or elsewhere.
        """
        began = perf_counter()
        fresh, items = await self._decide(unit)
        decided = perf_counter()
        await self._write(items)
        written = perf_counter()
        await self._tell(items, is_ours, late=written - began > OVERTAKEN_SECONDS)
        told = perf_counter()
        for item in items:
            item.settle()
        await self._ledger.keep(fresh)
        _measure(fresh, look_up=decided - began, write=written - decided, emit=told - written)
        metrics.MAPPING_BATCHES.of("replayed").inc(len(unit) - len(fresh))
        metrics.MAPPING_SECONDS.of("total").observe(perf_counter() - began)

    async def _decide(self, unit: Sequence[Arrival]) -> tuple[list[Arrival], list[Item]]:
        """Return the batches that have no outcome yet, and what their records mean."""
        known, assigned, stored = await together(
            self._ledger.known([arrival.id for arrival in unit]),
            self._assignments.among([(arrival.place, arrival.usable) for arrival in unit]),
            find_by_keys(self._entities, homes(unit), _ENOUGH),
        )
        fresh = [arrival for arrival in unit if arrival.id not in known]
        items = [item for arrival in fresh for item in prepare(arrival, assigned)]
        for item in items:
            item.judge(stored.get(item.home))
        return fresh, items

    async def _write(self, items: Sequence[Item]) -> None:
        """Return once everything that has to be written is; whoever loses a race decides again."""
        await self._judge([item for item in items if item.verdict in (Verdict.CHANGED, Verdict.APPLIED)])
        while items:
            items = [*await self._insert(items), *await self._update(items)]
            await self._judge(items)

    async def _judge(self, items: Sequence[Item]) -> None:
        """Decide anew before the whole documents, of which a new version, or an event, can be made."""
        stored = await find_by_keys(self._entities, [item.home for item in items])
        for item in items:
            item.judge(stored.get(item.home))

    async def _insert(self, items: Sequence[Item]) -> list[Item]:
        """Insert what is new; return what somebody else has inserted first."""
        new = [item for item in items if item.verdict is Verdict.NEW]
        if not new:
            return []
        await self._connections.remember({item.identity.connection for item in new})
        documents = [new_document(item.home, item.identity, item.inside_id, item.version) for item in new]
        lost = {duplicate.index_in_list for duplicate in await insert_new(self._entities, documents)}
        for item, document in zip(new, documents, strict=True):
            item.document = document
        return [new[index] for index in sorted(lost)]

    async def _update(self, items: Sequence[Item]) -> list[Item]:
        """Replace the versions that were decided about; return all if any of them had been replaced before."""
        changed = [item for item in items if item.verdict is Verdict.CHANGED and item.stored is not None]
        if not changed:
            return []
        position = changed[0].arrival.position
        await self._predecessors.tell([item.stored for item in changed if item.stored is not None], position)
        updates = []
        for item in changed:
            assert item.stored is not None, "only what is stored can change"
            update, item.document = next_version(item.stored, item.version)
            updates.append(UpdateOne({"_id": item.home, "version": item.stored["version"]}, update))
        matched = 0
        for start in range(0, len(updates), UPDATES):
            result = await self._entities.bulk_write(updates[start : start + UPDATES], ordered=False)
            matched += result.matched_count
        return changed if matched < len(updates) else []

    async def _tell(self, items: Sequence[Item], is_ours: Callable[[], bool], *, late: bool) -> None:
        if not is_ours():
            raise PartitionLost
        telling = [(item, item.document) for item in items if item.document is not None]
        await self._send_all([_event(item, document, late=late) for item, document in telling])
        for kind in {item.identity.entity_type for item, _ in telling}:
            metrics.EVENTS_EMITTED.of(kind).inc(sum(item.identity.entity_type == kind for item, _ in telling))


def _event(item: Item, document: Document, *, late: bool) -> Message:
    repeated = late or item.verdict is Verdict.APPLIED
    return event_of(document, maybe_repeated=repeated, traceparent=item.arrival.traceparent)


def _measure(fresh: Sequence[Arrival], **phases: float) -> None:
    for phase, seconds in phases.items():
        metrics.MAPPING_SECONDS.of(phase).observe(seconds)
    metrics.MAPPING_BATCHES.of("mapped").inc(len(fresh))
    for outcome in Outcome:
        metrics.RECORDS_MAPPED.of(outcome.value).inc(sum(arrival.counts[outcome] for arrival in fresh))
