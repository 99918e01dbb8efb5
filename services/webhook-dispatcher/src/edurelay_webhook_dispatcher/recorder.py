"""Writes states in batches: one insert for many finished deliveries, never a round trip for each.

The order within a batch is what makes a crash harmless: documents first, then the attempt messages, and only then
is the log told that it may forget. Every write can be repeated.

What arrived at its first attempt goes another way than the rest: it is an insert, whatever else there is to write of
deliveries that fail, and does not wait for that.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial

from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import DELIVERY_SECONDS
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.documents import Written, document_of, message_of, update_of
from edurelay_webhook_dispatcher.history import attempts_made, kept
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.line import LARGEST, Line
from edurelay_webhook_dispatcher.patience import until_done
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.work import State, Work

#: With so many deliveries arrived and not written down no other attempt begins: they are what comes twice if the
#: process dies. What failed comes again in any case, and only has to find room in memory.
UNWRITTEN = 256
UNWRITTEN_FAILURES = 4_096
#: How many attempts a delivery's history keeps.
HISTORY = 50

_log = get_logger(__name__)


class Recorder:
    """Takes states from everywhere and writes them; `run` has to run for as long as it is used. `lease`
    is how long, in seconds, a delivery is left to whoever is at work on it."""

    def __init__(self, store: Store, producer: Producer, *, lease: float) -> None:
        self._store = store
        self._producer = producer
        self._lease = lease
        #: What arrived at its first attempt, and the rest.
        self._arrived = Line()
        self._others = Line()
        self._unwritten = Counter[bool]()
        self._room = asyncio.Event()
        self._room.set()
        #: Called with a delivery that keeps its place in a chain, when it is about to be written, and when it is.
        self.moved: Callable[[Work, State], None] = lambda work, state: None
        self.written: Callable[[Work, State], None] = lambda work, state: None
        #: Called when others are due since one that they waited for has ended; the retrier listens.
        self.woken: Callable[[], None] = lambda: None

    def matched(self, event: Entry, settled: Callable[[], None]) -> None:
        """Write an event into the index; `settled` is called when it is there."""
        self._arrived.matched.append((event, settled))
        self._arrived.stir()

    def numbered(self, settled: Callable[[], None]) -> None:
        """Call `settled` when every number that was given out by now is in its stream."""
        self._arrived.numbered.append(settled)
        self._arrived.stir()

    def put(self, work: Work, state: State, attempt: Attempt | None = None) -> None:
        """Write where a delivery stands, and the attempt that left it there."""
        if attempt is not None:
            self._unwritten[state.delivered] += 1
            work.attempts.append(kept(attempts_made(work.attempts) + 1, attempt))
            del work.attempts[:-HISTORY]
        # Nothing else is ever written of what arrived before anything was.
        line = self._arrived if state.delivered and not work.recorded else self._others
        line.entries.append(Written(work, state, attempt, first=not work.recorded))
        work.recorded = True
        line.stir()
        if work.chain is not None:
            self.moved(work, state)

    def put_aside(self, work: Work) -> None:
        """Write a delivery down as pending that is under way and stays so."""
        self.put(work, State(DeliveryStatus.PENDING, due=clock.now() + self._lease))

    def renew(self, work: Work) -> None:
        """Keep others for another while from a delivery that was put aside."""
        self._others.renewed.add(work.key.stored)
        self._others.stir()

    def unwritten(self) -> set[str]:
        """Return the primary keys of what was put and is not written yet."""
        lines = (self._arrived, self._others)
        return {entry.work.key.stored for line in lines for entry in (*line.entries, *line.writing)}

    @property
    def has_room(self) -> bool:
        """Whether another attempt may begin. What is under way does not count, or a few receivers that hang would hold
        everybody up."""
        return self._unwritten[True] < UNWRITTEN and self._unwritten[False] < UNWRITTEN_FAILURES

    async def room(self) -> None:
        """Return when another attempt may begin."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    async def numbers_written(self) -> None:
        """Return when every number that was given out is in its endpoint's stream."""
        await until_done(self._store.streams.write, self._complain)

    async def drained(self) -> None:
        """Return when everything that was put has been written."""
        for line in (self._arrived, self._others):
            await line.empty.wait()

    async def run(self) -> None:
        """Write, until cancelled. A store or a broker that is away is waited for."""
        async with asyncio.TaskGroup() as lines:
            for line in (self._arrived, self._others):
                lines.create_task(self._write_out(line))

    async def _write_out(self, line: Line) -> None:
        while True:
            await line.wake.wait()
            line.wake.clear()
            while line.entries or line.matched or line.numbered or line.renewed:
                await line.company()
                renewed, line.renewed = line.renewed, set()
                if renewed:
                    # Before what came of any of them.
                    await until_done(partial(self._renew, renewed), self._complain)
                line.writing, line.entries = line.entries[:LARGEST], line.entries[LARGEST:]
                matched, line.matched = line.matched[:LARGEST], line.matched[LARGEST:]
                numbered, line.numbered = line.numbered, []
                began = time.monotonic()
                await self._persist(line.writing, matched)
                line.wrote(seconds := time.monotonic() - began)
                DELIVERY_SECONDS.of("store").observe(seconds)
                line.writing = []
                for settled in numbered:
                    settled()
            line.empty.set()

    async def _persist(self, entries: list[Written], matched: list[tuple[Entry, Callable[[], None]]]) -> None:
        await until_done(lambda: self._write(entries, [event for event, _ in matched]), self._complain)
        self._unwritten.subtract(entry.state.delivered for entry in entries if entry.attempt is not None)
        self._room.set()
        for entry in entries:
            entry.work.settle()
            if entry.work.chain is not None:
                self.written(entry.work, entry.state)
        for _, settled in matched:
            settled()

    async def _renew(self, names: Iterable[str]) -> None:
        await self._store.backlog.renew(names, clock.now() + self._lease)

    def _complain(self, error: Exception) -> None:
        _log.warning("states could not be written, trying again", reason=str(error), waiting=len(self._others.entries))

    async def _write(self, entries: list[Written], events: list[Entry]) -> None:
        await together(self._store.events.add(events), self._write_deliveries(entries))

    async def _write_deliveries(self, entries: list[Written]) -> None:
        # Everything that was numbered by now is written, so that no event is forgotten by the log before its number is
        # known, and no delivery is kept with a number that may still change.
        await self._store.streams.write()
        newest: dict[str, Written] = {entry.work.key.stored: entry for entry in entries}
        first = {entry.work.key.stored for entry in entries if entry.first}
        fresh = [document_of(entry) for name, entry in newest.items() if name in first]
        changed = {name: entry for name, entry in newest.items() if name not in first}
        await self._open({name: newest[name] for name in first})
        for present in await insert_new(self._store.deliveries, fresh):
            changed[present.document["_id"]] = newest[present.document["_id"]]
        if changed:
            updates = [update_of(name, entry) for name, entry in changed.items()]
            await self._store.deliveries.bulk_write(updates, ordered=False)
        await self._close(newest, changed)
        made = [message_of(entry, entry.attempt) for entry in entries if entry.attempt is not None]
        if made:
            await self._producer.send_all(made)

    async def _open(self, entries: Mapping[str, Written]) -> None:
        """Before their documents are written: make those due that are not done yet."""
        lease_ends = clock.now() + self._lease
        due = {name: entry.state.due or lease_ends for name, entry in entries.items() if not entry.state.delivered}
        chained = {name: entries[name] for name in due if entries[name].work.chain is not None}
        chains = {name: entry.work.chain or "" for name, entry in chained.items()}
        waiting = {name for name, entry in chained.items() if entry.state.waits}
        await self._store.backlog.add(due, chains, waiting)

    async def _close(self, entries: Mapping[str, Written], changed: Container[str]) -> None:
        """After their documents are written: make the backlog agree with them."""
        states = {name: entry.state for name, entry in entries.items() if name in changed or entry.state.dead}
        due = {name: state.due for name, state in states.items() if state.due is not None}
        await self._store.backlog.put_off(due)
        ended = {name: state for name, state in states.items() if state.due is None}
        delivered = [name for name, state in ended.items() if state.delivered]
        dead = [name for name, state in ended.items() if state.over and state.dead]
        chains = {name: chain for name, entry in entries.items() if (chain := _chain_that_goes_on(entry, changed))}
        await self._store.backlog.wake_next(chains)
        await self._store.backlog.end(delivered, dead, [name for name, state in ended.items() if state.parked])
        if chains:
            self.woken()


def _chain_that_goes_on(entry: Written, changed: Container[str]) -> str | None:
    """Return the chain of one that has ended, if something may wait for it in the store: where it was there itself."""
    was_there = entry.state.dead or not entry.first or entry.work.key.stored in changed
    return entry.work.chain if entry.state.over and was_there else None
