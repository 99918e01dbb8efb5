"""How long nothing has arrived at an endpoint, and what follows from it.

An endpoint that has failed at every attempt for days is disabled; at 50, 70 and 90 percent of the way this is
announced. Judged is at the failures, so that an endpoint to which nothing was sent is never disabled for it. One
success ends it all, at whichever dispatcher it happens: what is acted on is the document that all of them share, and
what is told twice has the same id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edurelay.events.envelope import unix_timestamp
from edurelay.events.operational import NAMES, Operational, operational_event
from edurelay.events.topics import EVENTS
from edurelay.kafka.producer import Producer
from edurelay.mongo import Collection
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.patience import until_done
from edurelay_webhook_dispatcher.work import Work

#: At which share of the way to its being disabled an endpoint's failing is told, in percent.
WARNINGS = (50, 70, 90)
#: How often what other dispatchers know is read, in seconds.
REFRESH = 15.0
#: How long after one exhausted delivery of an endpoint the next one is told, in seconds.
TELL_EXHAUSTED = 3600.0
#: How many things may wait to be told or written. What comes beyond is not lost: the next attempt says it again.
LARGEST_BACKLOG = 10_000

_log = get_logger(__name__)


@dataclass(slots=True)
class Failing:
    """An endpoint at which nothing has arrived since a Unix time; `told` counts the warnings that were given."""

    since: float
    told: int = 0


class Health:
    """The failing endpoints. `disable` and `enable` are called with an endpoint and the reason; `disable_after` is in
    seconds."""

    def __init__(
        self,
        documents: Collection,
        producer: Producer,
        *,
        disable_after: float,
        disable: Callable[[Endpoint, str], None],
        enable: Callable[[Endpoint], None],
    ) -> None:
        self._documents = documents
        self._producer = producer
        self._disable_after = disable_after
        self._disable = disable
        self._enable = enable
        self._failing: dict[str, Failing] = {}
        #: Endpoints that began to fail, and are not written down yet.
        self._begun: list[str] = []
        self._exhausted_told: dict[str, float] = {}
        self._to_do: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(LARGEST_BACKLOG)

    def judge(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """Take note of an attempt."""
        known = self._failing.get(endpoint.id)
        if attempt.succeeded:
            if known is not None or endpoint.subscription.probed:
                self._failing.pop(endpoint.id, None)
                self._do(lambda: self._recover(endpoint))
        elif known is None:
            self._failing[endpoint.id] = Failing(clock.now())
            if not self._begun:
                self._do(self._begin)
            self._begun.append(endpoint.id)
        elif clock.now() - known.since >= self._next(known):
            self._do(lambda: self._go_on(endpoint))

    def exhausted(self, endpoint: Endpoint, work: Work, attempt: Attempt) -> None:
        """Take note of a delivery that ends with this attempt. Of what tells of endpoints nothing is told itself."""
        now = clock.now()
        if work.event_type in NAMES or now - self._exhausted_told.get(endpoint.id, 0.0) < TELL_EXHAUSTED:
            return
        self._exhausted_told[endpoint.id] = now
        data = {
            "delivery_id": work.key.text,
            "event_id": work.event_id,
            "event_type": work.event_type,
            "attempts": work.made + 1,
            "last_status": attempt.status,
            "last_error": attempt.error,
        }
        self._do(lambda: self._tell_exhausted(endpoint, data, now))

    async def run(self) -> None:
        """Write and tell, and hear what others know, until cancelled."""
        while True:
            refresh_at = time.monotonic() + REFRESH
            await until_done(self._begin, _complain)
            await until_done(self._refresh, _complain)
            while (left := refresh_at - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(left):
                        step = await self._to_do.get()
                except TimeoutError:
                    break
                await until_done(step, _complain)

    def _do(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            self._to_do.put_nowait(step)
        except asyncio.QueueFull:
            _log.warning("more endpoints fail and recover than can be written down")

    def _next(self, known: Failing) -> float:
        """Return after how many seconds of failing something has to be done next."""
        share = WARNINGS[known.told] / 100 if known.told < len(WARNINGS) else 1.0
        return share * self._disable_after

    async def _begin(self) -> None:
        """Write down all that began to fail, also meanwhile; what another dispatcher knows longer counts."""
        while count := len(self._begun):
            begun = {each: mine for each in self._begun[:count] if (mine := self._failing.get(each)) is not None}
            documents = [{"_id": each, "since": mine.since, "told": mine.told} for each, mine in begun.items()]
            known = [each.document["_id"] for each in await insert_new(self._documents, documents)]
            if known:
                async for each in self._documents.find({"_id": {"$in": known}}):
                    self._failing[each["_id"]] = Failing(each["since"], each["told"])
            del self._begun[:count]

    async def _go_on(self, endpoint: Endpoint) -> None:
        """Warn or disable, if what the store says is that it is time to."""
        document = await self._documents.find_one({"_id": endpoint.id})
        if document is None:
            self._failing.pop(endpoint.id, None)
            return
        known = self._failing[endpoint.id] = Failing(document["since"], document["told"])
        if clock.now() - known.since < self._next(known) or endpoint.subscription.probed:
            return
        if known.told == len(WARNINGS):
            days = self._disable_after / 86_400
            self._disable(endpoint, f"nothing has arrived since {unix_timestamp(known.since)}, which is {days:g} days")
            return
        percent = WARNINGS[known.told]
        data = {
            "failing_since": unix_timestamp(known.since),
            "percent": percent,
            "disabled_after": unix_timestamp(known.since + self._disable_after),
        }
        await self._tell(Operational.ENDPOINT_FAILING, endpoint, data, moment=known.since, parts=(str(percent),))
        await self._documents.update_one(
            {"_id": endpoint.id, "since": known.since, "told": known.told}, {"$set": {"told": known.told + 1}}
        )
        known.told += 1

    async def _recover(self, endpoint: Endpoint) -> None:
        document = await self._documents.find_one({"_id": endpoint.id})
        if endpoint.subscription.probed:
            self._enable(endpoint)
        if document is None:
            return
        if document["told"]:
            data = {"failing_since": unix_timestamp(document["since"]), "was_disabled": endpoint.subscription.probed}
            await self._tell(Operational.ENDPOINT_RECOVERED, endpoint, data, moment=document["since"], parts=())
        await self._documents.delete_one({"_id": endpoint.id, "since": document["since"]})

    async def _tell_exhausted(self, endpoint: Endpoint, data: dict[str, object], moment: float) -> None:
        hour = moment // TELL_EXHAUSTED * TELL_EXHAUSTED
        # One an hour from all dispatchers together: whoever tells of the same hour tells under the same id.
        await self._tell(Operational.DELIVERY_EXHAUSTED, endpoint, data, moment=hour, parts=())

    async def _tell(
        self,
        event_type: Operational,
        endpoint: Endpoint,
        data: dict[str, object],
        *,
        moment: float,
        parts: tuple[str, ...],
    ) -> None:
        event = operational_event(event_type, endpoint.tenant, endpoint.id, data, moment=moment, parts=parts)
        await self._producer.send_all([event.message(EVENTS.name)])

    async def _refresh(self) -> None:
        """Take over what others have seen: failures that this process would have to end by a success of its own."""
        kept = {each["_id"]: Failing(each["since"], each["told"]) async for each in self._documents.find({})}
        # What began to fail while they were read is not among them.
        self._failing = {each: self._failing[each] for each in self._begun if each in self._failing} | kept
        oldest = clock.now() - TELL_EXHAUSTED
        self._exhausted_told = {name: told for name, told in self._exhausted_told.items() if told > oldest}


def _complain(error: Exception) -> None:
    _log.warning("the health of an endpoint could not be kept, trying again", reason=str(error))
