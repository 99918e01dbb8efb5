"""Order by subject: a delivery goes when none before it in its chain is open, be it in memory or in the store.

In memory `chains` knows who is next. In the store the entries of the backlog do: one that keeps its place has its
`chain` and its `number`, and is not claimed while there is another of its chain with a lower number whose document
says that it is open. Whoever ends a delivery makes the next one of its chain due before he takes the entry away. So
what is lost with a process, or in a race, is a hint, and costs a wait; a delivery that waits looks for itself as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.messages.subscriptions import Undelivered
from edurelay.mongo import Document
from edurelay.runtime.logging import get_logger
from edurelay.runtime.together import together
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.chains import Chains, place_of
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.patience import until_done
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.translator import Translator
from edurelay_webhook_dispatcher.work import State, Work

#: What a delivery that waits for another shows as its reason.
WAITS: Final = "waits for an earlier event of its subject"
#: How long something may wait in memory behind a head that is under way, in seconds, and how often that is looked at:
#: the log does not go on without it.
PATIENCE: Final = 2.0
SWEEP: Final = 0.5
#: How many entries are looked at for all chains together, and for one of them where that was not enough.
LOOK: Final = 500
FEW: Final = 10
#: An entry without a document that was looked for so often keeps nobody waiting: about a quarter of an hour.
ABSENT_CLAIMS: Final = 12

_log = get_logger(__name__)


class Precedence:
    """Says which deliveries have to wait for others, by what the store has."""

    def __init__(self, store: Store, endpoints: Endpoints) -> None:
        self._store = store
        self._endpoints = endpoints

    async def blocked(self, places: Mapping[str, int]) -> frozenset[str]:
        """Return those of the chains in which something before the given place is open."""
        if not places:
            return frozenset()
        found = await self._store.backlog.of_chains(list(places), LOOK)
        if len(found) == LOOK:
            firsts = await together(*(self._store.backlog.before(chain, place, FEW) for chain, place in places.items()))
            found = [entry for first in firsts for entry in first]
        earlier = [entry for entry in found if entry["number"] < places[entry["chain"]] and self._may_block(entry)]
        return frozenset(entry["chain"] for entry in await self._open(earlier))

    async def first(self, entry: Document) -> Document | None:
        """Return the entry whose turn it is in an entry's chain; None where somebody has to see to it first."""
        if "chain" not in entry or not self.ordered(entry["endpoint"]):
            return entry
        earlier = await self._store.backlog.before(entry["chain"], entry["number"], FEW)
        earlier = [each for each in earlier if self._may_block(each)]
        documents = await self._store.standing([each["_id"] for each in earlier])
        for each in earlier:
            document = documents.get(each["_id"])
            if _is_open(each, document):
                return None if document is None or "parked" in document else each
        return entry

    def ordered(self, endpoint_id: str) -> bool:
        """True where deliveries to an endpoint wait for each other."""
        endpoint = self._endpoints.get(endpoint_id)
        return endpoint is not None and endpoint.subscription.order is not None

    def parks(self, endpoint_id: str) -> bool:
        """True where a dead letter keeps the later ones of its subject waiting."""
        endpoint = self._endpoints.get(endpoint_id)
        order = endpoint.subscription.order if endpoint is not None else None
        return order is not None and order.then is Undelivered.PARK

    async def let_go(self) -> None:
        """Let the chains go on whose dead letters keep nobody waiting any more: whose endpoints do not park. Those of
        an endpoint that is not known here stay as they are."""
        entries = await self._store.backlog.parked()
        documents = await self._store.standing([entry["_id"] for entry in entries])
        for entry in entries:
            stays = self.parks(entry["endpoint"]) or self._endpoints.get(entry["endpoint"]) is None
            if not stays or "parked" not in documents.get(entry["_id"], {}):
                await self._store.deliveries.update_one(
                    {"_id": entry["_id"], "status": DeliveryStatus.DEAD_LETTERED.value}, {"$unset": {"parked": ""}}
                )
                await self._store.backlog.give_up(entry["_id"])

    def _may_block(self, entry: Document) -> bool:
        return entry["status"] == DeliveryStatus.PENDING or self.parks(entry["endpoint"])

    async def _open(self, entries: Sequence[Document]) -> list[Document]:
        """Return those of the entries whose documents say that they are open: an entry outlives its delivery a little,
        and longer where somebody died."""
        documents = await self._store.standing([entry["_id"] for entry in entries])
        return [entry for entry in entries if _is_open(entry, documents.get(entry["_id"]))]


def _is_open(entry: Document, document: Document | None) -> bool:
    if document is None:
        return bool(entry["claims"] < ABSENT_CLAIMS)
    return document["status"] == DeliveryStatus.PENDING or "parked" in document


class Order:
    """Gives deliveries that keep an order to the translator, each when its turn has come. While it is closed nothing
    new begins; `run` has to run as long as it is used."""

    def __init__(
        self, precedence: Precedence, endpoints: Endpoints, translator: Translator, recorder: Recorder
    ) -> None:
        self._precedence = precedence
        self._endpoints = endpoints
        self._translator = translator
        self._recorder = recorder
        self._chains = Chains(self._begin, self._write_down)
        recorder.moved, recorder.written = self._chains.moved, self._chains.written

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chains.close()

    async def carry(self, works: Sequence[Work]) -> None:
        """Let deliveries be attempted when it is their turn. They come in their order, each chain from one caller."""
        places: dict[str, int] = {}
        for work in works:
            places.setdefault(work.chain or "", place_of(work.key))
        # What is held remembers whatever happens to it while the store is asked.
        unknown = self._chains.hold(places.keys())
        try:
            blocked = await self._blocked({name: places[name] for name in unknown})
            for work in works:
                self._chains.take(work, blocked=work.chain in blocked)
        finally:
            self._chains.release(places.keys())

    def leave(self, partitions: Sequence[int]) -> None:
        """Forget what waits of partitions that are somebody else's now."""
        self._chains.leave(partitions)

    async def run(self) -> None:
        """Write down what waits in memory for too long, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()

    def sweep(self) -> None:
        """Write down what waits in memory for too long, and with it the one that it waits for."""
        now = time.monotonic()
        for head in self._chains.overdue(now - PATIENCE):
            # From here on as if it were claimed: its attempt begins soon, or is left to whoever claims it.
            head.claimed, head.since, head.leased = True, now, now
            self._recorder.put_aside(head)

    async def _blocked(self, places: Mapping[str, int]) -> frozenset[str]:
        found: frozenset[str] = frozenset()

        async def ask() -> None:
            nonlocal found
            found = await self._precedence.blocked(places)

        # Whoever brings deliveries has numbered them, and cannot begin again.
        await until_done(ask, _complain)
        return found

    def _begin(self, work: Work) -> None:
        endpoint = self._endpoints.get(work.key.endpoint)
        if endpoint is not None:
            self._translator.carry(endpoint, work)
        else:
            self._recorder.put(work, State(DeliveryStatus.PENDING, due=clock.now()))

    def _write_down(self, work: Work) -> None:
        self._recorder.put(work, State(DeliveryStatus.PENDING, due=clock.now(), reason=WAITS, waits=True))


def _complain(error: Exception) -> None:
    _log.warning("it is not known what comes first, trying again", reason=str(error))
