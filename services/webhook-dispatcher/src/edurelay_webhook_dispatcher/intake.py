"""From the events topic to the lanes: each event is indexed, matched, and its first attempts begin at once.

Most events are met here for the first time. Those that may have been met before, because the log was read again
after a crash or because their producer says so, are looked up, so that nobody gets them twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edurelay.events.envelope import Event, MalformedEvent
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Assignment, Batch, Received
from edurelay_webhook_dispatcher.chains import chain_of
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin
from edurelay_webhook_dispatcher.order import Order
from edurelay_webhook_dispatcher.payload import Payloads
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.translator import Translator
from edurelay_webhook_dispatcher.work import Countdown, Work

#: How many deliveries are begun before what others have under way goes on: an event may have thousands.
AT_A_TIME = 5


@dataclass(frozen=True, slots=True)
class _Arrival:
    received: Received
    event: Event
    endpoints: tuple[Endpoint, ...]
    check: bool

    @property
    def position(self) -> tuple[int, int]:
        return self.received.partition, self.received.offset

    @property
    def identity(self) -> tuple[str, str]:
        return self.event.tenant, self.event.id

    def delivery_key(self, endpoint: Endpoint) -> DeliveryKey:
        return DeliveryKey(endpoint.tenant, endpoint.id, self.received.timestamp, event_origin(*self.position))


class Intake:
    """The handler of the events topic."""

    def __init__(
        self,
        endpoints: Endpoints,
        choice: Choice,
        translator: Translator,
        recorder: Recorder,
        dead_letters: DeadLetters,
        store: Store,
        order: Order,
    ) -> None:
        self._endpoints = endpoints
        self._order = order
        self._choice = choice
        self._translator = translator
        self._recorder = recorder
        self._dead_letters = dead_letters
        self._store = store
        #: Called when the group has shared its partitions anew; the retrier listens.
        self.reassigned: Callable[[], None] = lambda: None
        #: Up to where a partition may have been read by somebody before us.
        self._known_until: dict[int, int] = {}
        #: Events that were met and are not in the index yet, by tenant and id.
        self._under_way: dict[tuple[str, str], tuple[int, int]] = {}

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Remember the end of each partition: what stands before it may have been delivered already."""
        self._store.streams.reassigned()
        self.reassigned()
        for assignment in assignments:
            self._known_until[assignment.partition] = assignment.end

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """What is under way ends, and is found in the store by whoever reads the log again; nothing more begins."""
        self._order.leave([partition for _, partition in partitions])

    async def handle(self, batch: Batch) -> None:
        """Begin the deliveries of a batch; each message is done when the store knows all of its deliveries."""
        arrivals = [arrival for received in batch.messages if (arrival := await self._arrive(batch, received))]
        checked = [arrival for arrival in arrivals if arrival.check]
        # Taken before the index is asked: what is under way now is there or in the index, whenever the answer comes.
        under_way = {arrival.identity: self._under_way.get(arrival.identity) for arrival in checked}
        indexed = await self._indexed(checked) if checked else {}
        if indexed:
            arrivals = [self._as_matched(arrival, indexed.get(arrival.identity)) for arrival in arrivals]
            checked = [arrival for arrival in arrivals if arrival.check]
        keys = [each.delivery_key(to) for each in checked for to in each.endpoints if to.sent_to]
        present = await self._store.known([key.stored for key in keys])
        await self._store.streams.open({(each.tenant, each.id) for arrival in arrivals for each in arrival.endpoints})
        numbered = await self._store.streams.recall([key for key in keys if key.stored not in present])
        read = [each.delivery_key(to) for each in checked for to in each.endpoints if not to.sent_to]
        numbered |= await self._store.streams.numbered(read)
        chosen = await self._chosen(arrivals, indexed)
        # What takes time comes first: nobody else has a turn from the first delivery until all have their numbers.
        payloads = [await self._payloads(each, to, present) for each, to in zip(arrivals, chosen, strict=True)]
        begun = [
            deliver
            for arrival, endpoints, made in zip(arrivals, chosen, payloads, strict=True)
            for deliver in self._begin(
                batch, arrival, endpoints, made, indexed, present, under_way.get(arrival.identity)
            )
        ]
        for _, work in begun:
            work.ticket = numbered.get(work.key.stored) or self._store.streams.number(work.key, work.event_id)
        sent = [(endpoint, work) for endpoint, work in begun if endpoint.sent_to]
        for endpoint, work in begun:
            if not endpoint.sent_to:
                self._recorder.numbered(work.settle)
        if any(self._store.streams.contended(work.key) for _, work in sent):
            await self._recorder.numbers_written()
        for place, (endpoint, work) in enumerate(sent, 1):
            if work.chain is None:
                self._translator.carry(endpoint, work)
            if place % AT_A_TIME == 0:
                await asyncio.sleep(0)
        ordered = [work for _, work in sent if work.chain is not None]
        if ordered:
            await self._order.carry(ordered)

    async def _arrive(self, batch: Batch, received: Received) -> _Arrival | None:
        try:
            event = Event.from_message(received.headers, received.value)
        except MalformedEvent as error:
            await self._dead_letters.send(received, reason="malformed", error=error, attempts=1)
            batch.done(received.offset)
            return None
        check = event.maybe_repeated or received.offset < self._known_until.get(received.partition, 0)
        return _Arrival(received, event, self._endpoints.matching(event.tenant, event.type), check)

    def _as_matched(self, arrival: _Arrival, entry: Entry | None) -> _Arrival:
        """Return an event with the endpoints that it matched when it was met before, but those that were deleted: who
        was disabled or wants other types by now gets it still, and who subscribed in between does not."""
        if entry is None:
            return arrival
        found = (self._endpoints.get(each) for each in (*entry.to, *entry.streamed))
        return replace(arrival, endpoints=tuple(endpoint for endpoint in found if endpoint is not None))

    def _begin(
        self,
        batch: Batch,
        arrival: _Arrival,
        endpoints: Sequence[Endpoint],
        payloads: Payloads,
        indexed: dict[tuple[str, str], Entry],
        present: frozenset[str],
        under_way: tuple[int, int] | None,
    ) -> list[tuple[Endpoint, Work]]:
        """Let an event be indexed, and return the deliveries that it brings about."""
        received, event, identity = arrival.received, arrival.event, arrival.identity
        entry = indexed.get(identity)
        known = under_way or self._under_way.get(identity)
        if entry is not None:
            known = entry.position
        if known is not None and known != arrival.position:
            batch.done(received.offset)
            return []
        keys = [(endpoint, arrival.delivery_key(endpoint)) for endpoint in endpoints]
        missing = [(endpoint, key) for endpoint, key in keys if key.stored not in present]
        finished = Countdown(len(missing) + 1, lambda: batch.done(received.offset))
        if entry is None:
            self._under_way[identity] = arrival.position

            def written() -> None:
                self._under_way.pop(identity, None)
                finished()

            self._recorder.matched(_entry(arrival, endpoints), written)
        else:
            finished()
        now = time.monotonic()
        begun = []
        for endpoint, key in missing:
            payload = payloads.of(endpoint.subscription)
            work = Work(key, event.id, event.type, payload.body, now, event.traceparent, settled=finished)
            work.ids, work.subject = payload.ids, event.subject
            work.chain = chain_of(endpoint.subscription, key, event.subject)
            begun.append((endpoint, work))
        return begun

    async def _payloads(self, arrival: _Arrival, endpoints: Sequence[Endpoint], present: frozenset[str]) -> Payloads:
        """Return what an event brings. Where its data has to be gone through, what others have under way goes on after
        each time: every endpoint may have an allow-list of its own."""
        payloads = Payloads(arrival.event)
        for endpoint in endpoints:
            if payloads.ready(endpoint.subscription) or arrival.delivery_key(endpoint).stored in present:
                continue
            payloads.of(endpoint.subscription)
            await asyncio.sleep(0)
        payloads.close_data()
        return payloads

    async def _chosen(
        self, arrivals: list[_Arrival], indexed: dict[tuple[str, str], Entry]
    ) -> list[Sequence[Endpoint]]:
        """Return, for each event, the endpoints that get it: of one that was matched before those that it had,
        whatever the conditions say by now."""
        fresh = [arrival for arrival in arrivals if arrival.identity not in indexed]
        chosen = iter(await self._choice.of([(arrival.event, arrival.endpoints) for arrival in fresh]))
        return [arrival.endpoints if arrival.identity in indexed else next(chosen) for arrival in arrivals]

    async def _indexed(self, arrivals: list[_Arrival]) -> dict[tuple[str, str], Entry]:
        """Return what the index knows of these events, by tenant and id."""
        found: dict[tuple[str, str], Entry] = {}
        for tenant in {arrival.event.tenant for arrival in arrivals}:
            ids = [arrival.event.id for arrival in arrivals if arrival.event.tenant == tenant]
            for event_id, entry in (await self._store.events.find(tenant, ids)).items():
                found[tenant, event_id] = entry
        return found


def _entry(arrival: _Arrival, endpoints: Sequence[Endpoint]) -> Entry:
    event = arrival.event
    return Entry(
        tenant=event.tenant,
        id=event.id,
        type=event.type,
        subject=event.subject,
        time=event.time,
        source=event.source,
        partition=arrival.received.partition,
        offset=arrival.received.offset,
        moment=arrival.received.timestamp,
        to=tuple(endpoint.id for endpoint in endpoints if endpoint.sent_to),
        streamed=tuple(endpoint.id for endpoint in endpoints if not endpoint.sent_to),
    )
