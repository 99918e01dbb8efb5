"""A dispatcher of its real parts, on a real store and a real broker, reading a log that the test holds."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from edurelay.conditions.evaluator import Evaluator
from edurelay.conditions.shares import Shares
from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id
from edurelay.events.topics import EVENTS
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Assignment, Batch, Received
from edurelay.kafka.producer import Producer
from edurelay.messages.subscriptions import EventOrder, SignatureProfile, Subscription, sealing_context
from edurelay.mongo import Database
from edurelay.mongo.leases import Leases
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay.web.internal import InternalClient
from edurelay_sandbox.receiver import Receiver, answer
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.external_ids import ExternalIds
from edurelay_webhook_dispatcher.failures import ConditionFailures
from edurelay_webhook_dispatcher.health import Health
from edurelay_webhook_dispatcher.intake import Intake
from edurelay_webhook_dispatcher.notices import Notices
from edurelay_webhook_dispatcher.order import Order, Precedence
from edurelay_webhook_dispatcher.probes import Probes
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.translator import Translator

TENANT, ENDPOINT = "north", "endpoint"
SEALER = Sealer.from_keys("k1:" + b64encode(bytes(32)).decode())


@dataclass
class Log:
    """A partition of the events topic, and what was committed of it."""

    messages: list[Received]
    finished: set[int] = field(default_factory=set)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, *types: str) -> Log:
        """Return one with an event of each type."""
        events = [Event(new_event_id(), type_, "/here", TENANT, now(), b'{"n":1}') for type_ in types]
        return cls(
            [
                Received(EVENTS.name, 0, offset, 1_800_000_000_000 + offset, event.key, event.data, event.headers())
                for offset, event in enumerate(events)
            ]
        )

    @property
    def committed(self) -> int:
        """The offset from which the next dispatcher reads."""
        return next((n for n in range(len(self.messages)) if n not in self.finished), len(self.messages))

    async def until_committed(self, offset: int) -> None:
        """Return when the next dispatcher would read from this offset. The index is written beside the deliveries."""
        async with asyncio.timeout(60):
            while self.committed < offset:
                await asyncio.sleep(0.01)

    def append(self, message: Received) -> None:
        """Take another message."""
        self.messages.append(message)
        self.more.set()

    async def grown(self, beyond: int) -> None:
        """Return when there are more messages than that."""
        while len(self.messages) <= beyond:
            self.more.clear()
            await self.more.wait()

    def finish(self, offsets: Sequence[int], _outcome: str) -> None:
        """Take note of messages that a dispatcher needs no more."""
        self.finished.update(offsets)


@dataclass(frozen=True)
class Terms:
    """How a dispatcher sends: the `schedule` of its attempts, how many `seconds` each may take, how many may be under
    way, for how long a claim is left to who made it, in what `order`, and at what `rate` a second. `client` is one for
    this machine unless given."""

    schedule: Sequence[float]
    lease: float = 60.0
    seconds: float = 5.0
    window: int = 10
    client: EgressClient | None = None
    order: EventOrder | None = None
    rate: float | None = None


@dataclass(frozen=True)
class Dispatcher:
    """What may be looked at while it works; `probes` are sent when they are told to. `gateway` stands in for the
    gateway, and is told of endpoints."""

    store: store.Store
    repository: Repository
    endpoints: Endpoints
    courier: Courier
    probes: Probes
    retrier: Retrier
    gateway: Receiver


def subscription(url: str | None, terms: Terms, **fields: Any) -> Subscription:
    """Return the one endpoint, or another `id`, which wants everything."""
    asked: dict[str, Any] = {
        "id": ENDPOINT,
        "tenant": TENANT,
        "url": url,
        "event_types": ["*"],
        "signature_profiles": [SignatureProfile.STANDARD],
        "secret_expiries": [0],
        "max_in_flight": terms.window,
        "order": terms.order,
        "rate_per_second": terms.rate,
        "version": 1,
    } | fields
    sealed = SEALER.seal(new_secret().encode(), sealing_context(TENANT, asked["id"]))
    return Subscription(**{"secrets": [sealed]} | asked)


@asynccontextmanager
async def dispatcher(
    uri: str, name: str, producer: Producer, url: str | None, log: Log, terms: Terms
) -> AsyncIterator[Dispatcher]:
    """Let a dispatcher work for as long as the context lasts, with one endpoint that wants everything."""
    endpoints = Endpoints(SEALER)
    endpoints.on_change(ENDPOINT, subscription(url, terms))
    client = terms.client or EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test", require_https=False)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await Database.connect(uri, name, collections=store.ALL))
        gateway = await stack.enter_async_context(Receiver(answer(204)).serving())
        told = InternalClient("gateway", f"http://127.0.0.1:{gateway.port}", SecretStr("internal"))
        notices = Notices(await stack.enter_async_context(told), endpoints)
        sender = Sender(await stack.enter_async_context(client), seconds=terms.seconds)
        kept = store.Store.of(database)
        recorder = Recorder(kept, producer, lease=terms.lease)
        health = Health(
            database[store.FAILING],
            producer,
            disable_after=5 * 86_400.0,
            disable=notices.failing,
            enable=notices.recovered,
        )
        courier = Courier(
            sender,
            recorder,
            health,
            schedule=terms.schedule,
            lease=terms.lease,
            current=endpoints.get,
            gone=notices.gone,
        )
        endpoints.closed = courier.forget
        translator = Translator(ExternalIds(told), endpoints, courier, recorder)  # Nobody wants other ids here.
        precedence = Precedence(kept, endpoints)
        order = Order(precedence, endpoints, translator, recorder)
        retrier = Retrier(kept, endpoints, courier, recorder, translator, precedence)
        leases = Leases(database[store.LEASES])
        probes = Probes(kept, leases, endpoints, courier, translator, precedence, pause=3600.0)
        choice = Choice(Evaluator(Shares()), ConditionFailures(told))
        intake = Intake(endpoints, choice, translator, recorder, DeadLetters(producer), kept, order)

        async def read() -> None:
            place = log.committed
            await intake.assigned([Assignment(EVENTS.name, 0, place, len(log.messages))])
            while True:
                for message in log.messages[place:]:
                    await intake.handle(Batch(EVENTS.name, 0, [message], log.finish))
                    place += 1
                await log.grown(place)

        parts = (recorder.run(), courier.run(), order.run(), retrier.run(), health.run(), notices.run(), read())
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            yield Dispatcher(kept, Repository(kept, TENANT), endpoints, courier, probes, retrier, gateway)
        finally:
            # What was begun dies with the process.
            lane = courier.known_lane(ENDPOINT)
            tasks += lane.under_way.values() if lane is not None else ()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
