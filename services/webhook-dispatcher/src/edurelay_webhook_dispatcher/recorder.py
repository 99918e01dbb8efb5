"""Writes states in batches: one insert for many finished deliveries, never a round trip for each.

The order within a batch is what makes a crash harmless: documents first, then the attempt messages, and only then
is the log told that it may forget. Every write can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from edurelay.events.envelope import Message, unix_timestamp
from edurelay.events.topics import DELIVERIES as ATTEMPTS_TOPIC
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import AttemptMade, DeliveryStatus
from edurelay.mongo import Document, UpdateOne
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import DELIVERY_SECONDS
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.body import format_fields
from edurelay_webhook_dispatcher.history import kept
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.patience import until_done
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.work import State, Work

#: How long a first entry waits for company, in seconds, and how many entries are written at once.
LINGER = 0.02
LARGEST = 200
#: With so many attempts made and not written down no other begins: they are what comes twice if the process dies.
UNWRITTEN = 256
#: How many attempts a delivery's history keeps.
HISTORY = 50

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Written:
    work: Work
    state: State
    attempt: Attempt | None
    first: bool


class Recorder:
    """Takes states from everywhere and writes them from one task; `run` has to run for as long as it is used. `lease`
    is how long, in seconds, a delivery is left to whoever is at work on it."""

    def __init__(self, store: Store, producer: Producer, *, lease: float) -> None:
        self._store = store
        self._producer = producer
        self._lease = lease
        self._entries: list[_Written] = []
        self._writing: list[_Written] = []
        self._matched: list[tuple[Entry, Callable[[], None]]] = []
        self._numbered: list[Callable[[], None]] = []
        self._unwritten = 0
        self._room = asyncio.Event()
        self._room.set()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def matched(self, event: Entry, settled: Callable[[], None]) -> None:
        """Write an event into the index; `settled` is called when it is there."""
        self._matched.append((event, settled))
        self._stir()

    def numbered(self, settled: Callable[[], None]) -> None:
        """Call `settled` when every number that was given out by now is in its stream."""
        self._numbered.append(settled)
        self._stir()

    def put(self, work: Work, state: State, attempt: Attempt | None = None) -> None:
        """Write where a delivery stands, and the attempt that left it there."""
        if attempt is not None:
            self._unwritten += 1
            work.attempts.append(kept(len(work.attempts) + 1, attempt))
            del work.attempts[:-HISTORY]
        self._entries.append(_Written(work, state, attempt, first=not work.recorded))
        work.recorded = True
        self._stir()

    def unwritten(self) -> set[str]:
        """Return the primary keys of what was put and is not written yet."""
        return {entry.work.key.stored for entry in (*self._entries, *self._writing)}

    async def room(self) -> None:
        """Return when another attempt may begin. What is under way does not count, or a few receivers that hang
        would hold everybody up."""
        while self._unwritten >= UNWRITTEN:
            self._room.clear()
            await self._room.wait()

    async def numbers_written(self) -> None:
        """Return when every number that was given out is in its endpoint's stream."""
        await until_done(self._store.streams.write, self._complain)

    async def drained(self) -> None:
        """Return when everything that was put has been written."""
        await self._empty.wait()

    async def run(self) -> None:
        """Write, until cancelled. A store or a broker that is away is waited for."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if len(self._entries) + len(self._matched) < LARGEST:
                await asyncio.sleep(LINGER)
            while self._entries or self._matched or self._numbered:
                entries, self._entries = self._entries[:LARGEST], self._entries[LARGEST:]
                matched, self._matched = self._matched[:LARGEST], self._matched[LARGEST:]
                numbered, self._numbered = self._numbered, []
                with DELIVERY_SECONDS.of("store").time():
                    await self._persist(entries, matched)
                for settled in numbered:
                    settled()
            self._empty.set()

    def _stir(self) -> None:
        self._empty.clear()
        self._wake.set()

    async def _persist(self, entries: list[_Written], matched: list[tuple[Entry, Callable[[], None]]]) -> None:
        self._writing = entries
        await until_done(lambda: self._write(entries, [event for event, _ in matched]), self._complain)
        self._writing = []
        self._unwritten -= sum(entry.attempt is not None for entry in entries)
        self._room.set()
        for entry in entries:
            entry.work.settle()
        for _, settled in matched:
            settled()

    def _complain(self, error: Exception) -> None:
        _log.warning("states could not be written, trying again", reason=str(error), waiting=len(self._entries))

    async def _write(self, entries: list[_Written], events: list[Entry]) -> None:
        await together(self._store.events.add(events), self._write_deliveries(entries))

    async def _write_deliveries(self, entries: list[_Written]) -> None:
        # Everything that was numbered by now is written, so that no event is forgotten by the log before its number is
        # known, and no delivery is kept with a number that may still change.
        await self._store.streams.write()
        newest: dict[str, _Written] = {entry.work.key.stored: entry for entry in entries}
        first = {entry.work.key.stored for entry in entries if entry.first}
        fresh = [_document(entry) for name, entry in newest.items() if name in first]
        changed = {name: entry for name, entry in newest.items() if name not in first}
        await self._open({name: newest[name] for name in first})
        for present in await insert_new(self._store.deliveries, fresh):
            changed[present.document["_id"]] = newest[present.document["_id"]]
        if changed:
            updates = [_update(name, entry) for name, entry in changed.items()]
            await self._store.deliveries.bulk_write(updates, ordered=False)
        await self._close(newest, changed)
        made = [_message(entry, entry.attempt) for entry in entries if entry.attempt is not None]
        if made:
            await self._producer.send_all(made)

    async def _open(self, entries: Mapping[str, _Written]) -> None:
        """Before their documents are written: make those due that are not done yet."""
        lease_ends = clock.now() + self._lease
        due = {name: entry.state.due or lease_ends for name, entry in entries.items() if not entry.state.delivered}
        await self._store.backlog.add(due)

    async def _close(self, entries: Mapping[str, _Written], changed: Container[str]) -> None:
        """After their documents are written: make the backlog agree with them."""
        states = {name: entry.state for name, entry in entries.items() if name in changed or entry.state.dead}
        due = {name: state.due for name, state in states.items() if state.due is not None}
        await self._store.backlog.put_off(due)
        delivered = [name for name, state in states.items() if state.delivered]
        await self._store.backlog.end(delivered, [name for name, state in states.items() if state.dead])


def _open_fields(entry: _Written) -> Document:
    """The fields that only an open delivery has: what another attempt, or a person, needs."""
    if entry.state.delivered:
        return {}
    fields: Document = {"body": entry.work.body}
    if entry.state.due is not None:
        fields["due_at"] = entry.state.due
    if entry.state.reason is not None:
        fields["reason"] = entry.state.reason
    if entry.work.traceparent is not None:
        fields["traceparent"] = entry.work.traceparent
    if entry.work.forgiven:
        fields["forgiven"] = entry.work.forgiven
    if entry.work.ids is not None:
        fields["ids"] = entry.work.ids
    return fields


def _document(entry: _Written) -> Document:
    work = entry.work
    return {
        "_id": work.key.stored,
        "endpoint": work.key.endpoint,
        "event_id": work.event_id,
        "type": work.event_type,
        **({"subject": work.subject} if work.subject is not None else {}),
        "status": entry.state.status.value,
        "attempts": work.attempts,
        "updated": clock.now(),
        **({"sequence": work.ticket.number} if work.ticket is not None else {}),
        **format_fields(work.body),
        **_open_fields(entry),
    }


def _update(name: str, entry: _Written) -> UpdateOne:
    fields = _open_fields(entry)
    fields |= {"status": entry.state.status.value, "attempts": entry.work.attempts, "updated": clock.now()}
    gone = {name: "" for name in ("body", "due_at", "reason", "traceparent", "forgiven", "ids") if name not in fields}
    # A delivery that arrived stays delivered, whatever a late attempt of another dispatcher says.
    return UpdateOne(
        {"_id": name, "status": {"$ne": DeliveryStatus.DELIVERED.value}},
        {"$set": fields, "$unset": gone},
    )


def _message(entry: _Written, attempt: Attempt) -> Message:
    work = entry.work
    made = AttemptMade(
        delivery_id=work.key.text,
        event_id=work.event_id,
        event_type=work.event_type,
        endpoint_id=work.key.endpoint,
        tenant=work.key.tenant,
        number=work.attempts[-1]["n"],
        at=unix_timestamp(attempt.at),
        duration_ms=round(attempt.seconds * 1000, 2),
        status=entry.state.status,
        status_code=attempt.status,
        error=attempt.error,
    )
    return Message(ATTEMPTS_TOPIC.name, work.key.endpoint.encode(), made.encode())
