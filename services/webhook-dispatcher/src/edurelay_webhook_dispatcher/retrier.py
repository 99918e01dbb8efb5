"""From the backlog back to the lanes.

Of each endpoint's queue it is known in memory when it is to be looked at next. Those whose time has come and whose
lanes have room are looked at, tenants in turn and endpoints in turn, a few of them together and a few entries of each,
so that nobody waits for the end of somebody else's queue.

A due delivery is claimed by moving its due time to the end of the claimer's lease, compare-and-set on the number of
its claims; a claimer that dies leaves a delivery that is due again when its lease is over. Only then is its document
read: one that was claimed before may have been attempted since.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from math import inf

from edurelay.kafka.errors import KafkaUnavailable
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document, StoreUnavailable
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import DELIVERIES, DELIVERY_QUEUE_AGE
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.backlog import Head
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.documents import work_of
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.order import Precedence
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.translator import Translator
from edurelay_webhook_dispatcher.work import State

#: How many queues are looked at together, and how many entries are taken of each; how often it is looked whether the
#: time of one has come, in seconds, where nothing calls for it earlier.
QUEUES = 16
TAKEN = 100
POLL = 0.25
#: How often the queues are read that others have begun, and how often each is looked at although nothing is known to be
#: due, since whoever wrote it may have died; in seconds.
CENSUS = 15.0
AGAIN = 60.0

_log = get_logger(__name__)


class Retrier:
    """Brings due deliveries to their lanes, as many as these have room for."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        courier: Courier,
        recorder: Recorder,
        translator: Translator,
        precedence: Precedence,
    ) -> None:
        self._store = store
        self._translator = translator
        self._endpoints = endpoints
        self._courier = courier
        self._recorder = recorder
        self._precedence = precedence
        self._wake = asyncio.Event()
        self._counted = -inf
        #: True where every queue is to be looked at, whatever is known of it.
        self._afresh = True
        #: When each queue is to be looked at next (Unix time), and the number of the look at it that was the last.
        self._next: dict[str, float] = {}
        self._looked: Counter[str] = Counter()
        self._looks = 0
        #: Endpoints that were deleted, and until when (Unix time) somebody may still write something for them.
        self._gone: dict[str, float] = {}
        store.backlog.noted = self._note
        #: Endpoints whose order is another from now on; and whether what is parked is as their orders say.
        self._reordered: set[str] = set()
        self._let_go = False
        courier.hungry = recorder.woken = self.wake
        endpoints.reordered = self._on_reordering
        courier.recovered = endpoints.opened = self._look_at
        endpoints.deleted = self._on_deletion

    def wake(self) -> None:
        """Look at once, since something became due or a lane became free."""
        self._wake.set()

    def look_again(self) -> None:
        """Look at every queue soon: another dispatcher may have died, and nobody else knows when its claims end."""
        self._afresh = True
        self.wake()

    def _look_at(self, endpoint_id: str) -> None:
        self._note(endpoint_id, 0.0)
        self.wake()

    def _on_deletion(self, endpoint_id: str) -> None:
        self._gone.setdefault(endpoint_id, clock.now() + 2 * self._courier.lease)
        self._look_at(endpoint_id)

    def _on_reordering(self, endpoint_id: str) -> None:
        self._reordered.add(endpoint_id)
        self.wake()

    def _note(self, endpoint_id: str, due_at: float) -> None:
        self._next[endpoint_id] = min(self._next.get(endpoint_id, inf), due_at)

    async def run(self) -> None:
        """Look for due deliveries, until cancelled."""
        while True:
            self._wake.clear()
            try:
                if self._afresh or time.monotonic() - self._counted > CENSUS:
                    await self._take_census()
                    self._counted = time.monotonic()
                looked = await self.bring()
            except StoreUnavailable as error:
                _log.warning("due deliveries could not be looked up", reason=str(error))
                looked = 0
            if looked == 0:
                try:
                    async with asyncio.timeout(POLL):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def bring(self) -> int:
        """Claim what is due and has room, of the queues whose turn it is; return how many queues were looked at."""
        await self._recorder.room()
        await self._keep_orders()
        now = clock.now()
        chosen = self._choose(now)
        try:
            # Taken before the queues are read: what has ended since is due when its queue says so, and not as it was
            # read.
            unwritten = self._recorder.unwritten() if chosen else set()
            heads = await self._look(dict(chosen), now, unwritten)
            due = [
                self._due(endpoint_id, head, now)[:room]
                for (endpoint_id, room), head in zip(chosen, heads, strict=True)
            ]
            await self._claim([entry for entries in due for entry in entries], now + self._courier.lease)
        except BaseException:
            # Also where somebody cancels it: of a queue that was chosen nothing else knows when its turn comes.
            for endpoint_id, _ in chosen:
                self._note(endpoint_id, now)
            raise
        for (endpoint_id, _), head, entries in zip(chosen, heads, due, strict=True):
            if self._endpoints.get(endpoint_id) is None:
                await self._end_queue(endpoint_id, head, entries, now)
            else:
                self._plan(endpoint_id, head, entries, now)
        return len(chosen)

    async def _keep_orders(self) -> None:
        """Let go of what waits, or is parked, where the order of its endpoint is another by now."""
        while self._reordered:
            endpoint_id = next(iter(self._reordered))
            await self._store.backlog.wake_waiting(endpoint_id)
            self._reordered.discard(endpoint_id)
            self._let_go = False
        if not self._let_go:
            await self._precedence.let_go()
            self._let_go = True

    def _choose(self, now: float) -> Sequence[tuple[str, int]]:
        """Return the queues that are to be looked at now, with how many deliveries their lanes have room for: the
        first of each tenant, then the second, each time those that were not looked at for the longest time in front."""
        waiting = [each for each, moment in self._next.items() if moment <= now]
        rooms = {each: room for each in waiting if (room := self._room(each, now))}
        DELIVERY_QUEUE_AGE.of().set(max((now - since for each in rooms if (since := self._next[each])), default=0))
        places = Counter[str]()
        turns = []
        for endpoint_id in sorted(rooms, key=self._looked.__getitem__):
            tenant = self._tenant(endpoint_id)
            turns.append((places[tenant], self._looked[tenant], endpoint_id))
            places[tenant] += 1
        return [(endpoint_id, rooms[endpoint_id]) for _, _, endpoint_id in sorted(turns)[:QUEUES]]

    def _tenant(self, endpoint_id: str) -> str:
        endpoint = self._endpoints.get(endpoint_id)
        return f"/{endpoint.tenant}" if endpoint is not None else "/"

    def _room(self, endpoint_id: str, now: float) -> int:
        """Return how many deliveries may be taken of a queue."""
        endpoint, lane = self._endpoints.get(endpoint_id), self._courier.known_lane(endpoint_id)
        if endpoint is None and endpoint_id not in self._gone:
            # It may have been made just now, or not open here; whoever knows it makes its attempts.
            return 0
        if endpoint is not None and not self._endpoints.enabled(endpoint):
            return 0
        if lane is None or self._next[endpoint_id] <= lane.breaker.probe_failed_at:
            return TAKEN
        return min(lane.room, TAKEN)

    async def _look(self, rooms: Mapping[str, int], now: float, unwritten: Set[str]) -> Sequence[Head]:
        """Return the first of each queue that may be taken."""
        limits, ours = {}, {}
        for endpoint_id, room in rooms.items():
            self._looks += 1
            self._looked[endpoint_id] = self._looked[self._tenant(endpoint_id)] = self._looks
            self._next[endpoint_id] = inf
            # Much of what is due may only wait, and would hide what does not.
            limits[endpoint_id] = 1 + (TAKEN if self._precedence.ordered(endpoint_id) else room)
            ours[endpoint_id] = self._courier.in_hand(endpoint_id) | unwritten
        heads = await self._store.backlog.heads(limits)
        return await together(*(self._takeable(each, heads[each], ours[each], now) for each in rooms))

    async def _takeable(self, endpoint_id: str, head: Head, ours: Set[str], now: float) -> Head:
        """Return a queue's head without what is in our own hands although its lease was over before it was renewed:
        whoever stalled makes no attempt beside its own; and without what waits for its turn."""
        entries = [each for each in head.entries if each["due_at"] > now or each["_id"] not in ours]
        if len(entries) < len(head.entries):
            self._note(endpoint_id, now + POLL)
        head = replace(head, entries=entries)
        return await self._those_in_turn(head, now) if self._precedence.ordered(endpoint_id) else head

    async def _those_in_turn(self, head: Head, now: float) -> Head:
        """Put off what is due and waits for others of its chain; return the rest."""
        due = [entry for entry in head.entries if "chain" in entry and entry["due_at"] <= now]
        places: dict[str, int] = {}
        for entry in due:
            places[entry["chain"]] = min(entry["number"], places.get(entry["chain"], entry["number"]))
        blocked = await self._precedence.blocked(places)
        waiting = [each for each in due if each["chain"] in blocked or each["number"] > places[each["chain"]]]
        await self._store.backlog.hold_back(waiting, now)
        names = {each["_id"] for each in waiting}
        return replace(head, entries=[each for each in head.entries if each["_id"] not in names])

    def _due(self, endpoint_id: str, head: Head, now: float) -> Sequence[Document]:
        """Return what may be taken of a queue."""
        endpoint, lane = self._endpoints.get(endpoint_id), self._courier.known_lane(endpoint_id)
        if endpoint is None:
            # What was to be attempted later ends now; what somebody may have claimed is left to them for so long.
            return [each for each in head.entries if not now < each["due_at"] <= now + self._courier.lease]
        shared = [each for each in head.entries if self._had_its_attempt(each)]
        if shared or lane is None:
            return shared or [each for each in head.entries if each["due_at"] <= now]
        return [each for each in head.entries if each["due_at"] <= now][: lane.room]

    async def _claim(self, due: Sequence[Document], until: float) -> None:
        claimed = await self._store.backlog.claim(due, until)
        ids = [entry["_id"] for entry in claimed]
        found = {each["_id"]: each async for each in self._store.deliveries.find({"_id": {"$in": ids}})} if ids else {}
        for entry in claimed:
            await self._take(entry, found.get(entry["_id"]))
            # What others have under way goes on.
            await asyncio.sleep(0)

    def _plan(self, endpoint_id: str, head: Head, due: Sequence[Document], now: float) -> None:
        """Say when a queue is to be looked at next."""
        lane = self._courier.known_lane(endpoint_id)
        # What was claimed and not attempted is due again when the claim is over.
        self._note(endpoint_id, now + (self._courier.lease if due else AGAIN))
        if len(due) < len(head.entries):
            self._note(endpoint_id, head.entries[len(due)]["due_at"])
        elif not head.whole:
            self._note(endpoint_id, now)
        elif lane is not None and lane.behind:
            lane.behind = bool(due)
            self._note(endpoint_id, now if due else inf)

    async def _end_queue(self, endpoint_id: str, head: Head, due: Sequence[Document], now: float) -> None:
        """Go on with the queue of an endpoint that was deleted; forget it once no attempt can be under way any more."""
        last = self._gone[endpoint_id]
        if due:
            self._note(endpoint_id, now)
        elif head.entries:
            self._note(endpoint_id, head.entries[0]["due_at"])
        elif now < last:
            self._note(endpoint_id, last)
        # Where something was noted meanwhile it is looked at again.
        if self._next[endpoint_id] == inf:
            await self._store.backlog.forget(endpoint_id)
            for known in (self._next, self._looked, self._gone):
                known.pop(endpoint_id, None)

    async def _take(self, entry: Document, document: Document | None) -> None:
        endpoint = self._endpoints.get(entry["endpoint"])
        if document is None or document["status"] != DeliveryStatus.PENDING:
            await self._store.backlog.mend(entry, document)
        elif endpoint is None:
            state = State(DeliveryStatus.DEAD_LETTERED, reason="the endpoint was deleted")
            self._recorder.put(work_of(document, entry), state)
        elif self._had_its_attempt(entry):
            self._courier.share_failure(endpoint, work_of(document, entry))
        else:
            self._translator.carry(endpoint, work_of(document, entry))

    def _had_its_attempt(self, entry: Document) -> bool:
        """True for a delivery that was due when a probe failed which stood for it."""
        lane = self._courier.known_lane(entry["endpoint"])
        return lane is not None and bool(entry["due_at"] <= lane.breaker.probe_failed_at)

    async def _take_census(self) -> None:
        """Look, soon, at every queue that is new to us, and count."""
        now = clock.now()
        if self._afresh:
            self._afresh = False
            # What was written by a version that kept no queues is found too.
            for endpoint_id in (*self._endpoints.ids(), *self._next):
                self._note(endpoint_id, now)
        queues = await self._store.backlog.queues()
        for endpoint_id in queues:
            self._next.setdefault(endpoint_id, now)
        try:
            for endpoint_id in await self._endpoints.gone(each for each in queues if each not in self._gone):
                self._on_deletion(endpoint_id)
        except KafkaUnavailable as error:
            _log.warning("it is not known yet which endpoints were deleted", reason=str(error))
        for status in (DeliveryStatus.PENDING, DeliveryStatus.DEAD_LETTERED):
            DELIVERIES.of(status.value).set(await self._store.backlog.count(status))
