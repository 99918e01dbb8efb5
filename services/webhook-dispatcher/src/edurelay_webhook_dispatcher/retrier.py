"""From the due-time index back to the lanes.

A due delivery is claimed by moving its due time to the end of the claimer's lease, compare-and-set on the number of
its claims; a claimer that dies leaves a delivery that is due again when its lease is over. Only then is its document
read: one that was claimed before may have been attempted since.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document, StoreUnavailable
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import DELIVERIES, DELIVERY_QUEUE_AGE
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.streams import Ticket
from edurelay_webhook_dispatcher.translator import Translator
from edurelay_webhook_dispatcher.work import State, Work

#: How many due deliveries are looked at together, and how often, in seconds, where nothing calls for it earlier.
LOOK = 200
POLL = 0.25
CENSUS = 15.0
#: How long the due deliveries of a disabled endpoint are out of sight, in seconds, where nobody enables it.
PARKED = 60.0

_log = get_logger(__name__)


class Retrier:
    """Brings due deliveries to their lanes, as many as these have room for."""

    def __init__(
        self, store: Store, endpoints: Endpoints, courier: Courier, recorder: Recorder, translator: Translator
    ) -> None:
        self._store = store
        self._translator = translator
        self._endpoints = endpoints
        self._courier = courier
        self._recorder = recorder
        self._wake = asyncio.Event()
        self._counted = 0.0
        #: Endpoints that get something again.
        self._opened: set[str] = set()
        #: Endpoints that were deleted, and until when (Unix time) an attempt at them may still be under way.
        self._deleted: dict[str, float] = {}
        courier.hungry = self.wake
        courier.recovered = endpoints.opened = self._on_opening
        endpoints.deleted = self._on_deletion

    def wake(self) -> None:
        """Look at once, since something became due or a lane became free."""
        self._wake.set()

    def _on_opening(self, endpoint_id: str) -> None:
        self._opened.add(endpoint_id)
        self.wake()

    def _on_deletion(self, endpoint_id: str) -> None:
        self._deleted[endpoint_id] = clock.now() + 2 * self._courier.lease
        self._counted = 0.0
        self.wake()

    async def run(self) -> None:
        """Look for due deliveries, until cancelled."""
        while True:
            try:
                brought = await self.bring()
                if time.monotonic() - self._counted > CENSUS:
                    self._counted = time.monotonic()
                    await self._cancel()
                    await self._count()
            except StoreUnavailable as error:
                _log.warning("due deliveries could not be looked up", reason=str(error))
                brought = 0
            if brought == 0:
                try:
                    async with asyncio.timeout(POLL):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            self._wake.clear()

    async def bring(self) -> int:
        """Claim what is due and has room, and let rest what its endpoint may not get now; return how many deliveries
        were looked at."""
        now = clock.now()
        await self._reopen(now)
        parked = dict.fromkeys(self._endpoints.closed_ids(), now + PARKED)
        lanes = {lane.endpoint.id: lane for lane in self._courier.lanes()}
        resting = {name: rest for name, lane in lanes.items() if (rest := lane.rests_until(now)) is not None}
        full = {name for name, lane in lanes.items() if lane.room == 0} - resting.keys() - parked.keys()
        due = await self._store.backlog.due(now, without=full, limit=LOOK)
        DELIVERY_QUEUE_AGE.of().set(now - due[0]["due_at"] if due else 0)
        self._catch_up(due, full)
        until = resting | parked
        # A lease of our own that ended before it was renewed: whoever stalled does not make an attempt beside its own.
        in_hand = self._courier.in_hand() | self._recorder.unwritten() if due else set()
        due = [entry for entry in due if entry["_id"] not in in_hand]
        kept_back = [entry for entry in due if entry["endpoint"] in until]
        for endpoint_id in {entry["endpoint"] for entry in kept_back}:
            since = 0.0 if endpoint_id in parked else self._probe_failed_at(endpoint_id)
            await self._store.backlog.rest(endpoint_id, now, until[endpoint_id], since=since)
        # What waited for a probe that has failed meanwhile has had its attempt, but not while the endpoint is disabled.
        failed = [each for each in kept_back if each["endpoint"] not in parked and self._had_its_attempt(each)]
        chosen = [*failed, *self._choose([entry for entry in due if entry["endpoint"] not in until])]
        lease_ends = now + self._courier.lease
        won = await together(*(self._store.backlog.claim(entry, lease_ends) for entry in chosen))
        claimed = [entry for entry, ours in zip(chosen, won, strict=True) if ours]
        ids = [entry["_id"] for entry in claimed]
        found = {each["_id"]: each async for each in self._store.deliveries.find({"_id": {"$in": ids}})} if ids else {}
        for entry in claimed:
            await self._take(entry, found.get(entry["_id"]))
        return len(claimed) + len(kept_back)

    async def _reopen(self, now: float) -> None:
        """Make due what waits for endpoints that get something again."""
        while self._opened:
            await self._store.backlog.wake(self._opened.pop(), now)

    def _had_its_attempt(self, entry: Document) -> bool:
        """True for a delivery that waited for a probe which has failed since."""
        since: float | None = entry.get("rests_since")
        return since is not None and since <= self._probe_failed_at(entry["endpoint"])

    def _probe_failed_at(self, endpoint_id: str) -> float:
        endpoint = self._endpoints.get(endpoint_id)
        return self._courier.lane(endpoint).breaker.probe_failed_at if endpoint is not None else 0.0

    async def _take(self, entry: Document, document: Document | None) -> None:
        endpoint = self._endpoints.get(entry["endpoint"])
        if document is None or document["status"] != DeliveryStatus.PENDING:
            await self._store.backlog.mend(entry, document)
        elif endpoint is None:
            state = State(DeliveryStatus.DEAD_LETTERED, reason="the endpoint was deleted")
            self._recorder.put(work_of(document), state)
        elif self._had_its_attempt(entry):
            self._courier.share_failure(endpoint, work_of(document))
        else:
            self._translator.carry(endpoint, work_of(document))

    def _choose(self, due: list[Document]) -> list[Document]:
        """Return those of the due deliveries whose lanes have room for them, and those that have no endpoint left."""
        room: dict[str, int] = {}
        chosen = []
        for document in due:
            endpoint = self._endpoints.get(document["endpoint"])
            if endpoint is None:
                chosen.append(document)
                continue
            left = room.setdefault(endpoint.id, self._courier.lane(endpoint).room)
            if left > 0:
                room[endpoint.id] = left - 1
                chosen.append(document)
        return chosen

    def _catch_up(self, due: list[Document], full: set[str]) -> None:
        """Say of the lanes whose stored work is all done that they are no longer behind."""
        if len(due) == LOOK:
            return
        still = {document["endpoint"] for document in due} | full
        for lane in self._courier.lanes():
            if lane.endpoint.id not in still:
                lane.behind = False

    async def _cancel(self) -> None:
        """Make due what is pending for deleted endpoints, so that it ends. More than once, since an attempt that was
        under way may leave its delivery pending."""
        now = clock.now()
        for endpoint_id, until in list(self._deleted.items()):
            await self._store.backlog.hasten(endpoint_id, now)
            if until < now:
                del self._deleted[endpoint_id]

    async def _count(self) -> None:
        for status in (DeliveryStatus.PENDING, DeliveryStatus.DEAD_LETTERED):
            DELIVERIES.of(status.value).set(await self._store.backlog.count(status))


def work_of(document: dict[str, Any]) -> Work:
    """Return a stored, open delivery that was claimed now as work."""
    key, claimed_at = DeliveryKey.from_stored(document["_id"]), time.monotonic()
    return Work(
        key=key,
        event_id=document["event_id"],
        event_type=document["type"],
        body=document["body"],
        since=claimed_at,
        leased=claimed_at,
        traceparent=document.get("traceparent"),
        attempts=list(document["attempts"]),
        forgiven=document.get("forgiven", 0),
        ids=document.get("ids"),
        recorded=True,
        claimed=True,
        ticket=Ticket(key, document["event_id"], document["sequence"]) if "sequence" in document else None,
    )
