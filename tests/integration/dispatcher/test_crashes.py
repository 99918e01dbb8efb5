"""Kill the dispatcher at any write to its database: its successor brings every delivery to the same end."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from pydantic import SecretStr

from e2e.receivers import Receiver, receiving
from edurelay.conditions.evaluator import Evaluator
from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id, new_id
from edurelay.events.topics import EVENTS
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Assignment, Batch, Received
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.messages.subscriptions import SignatureProfile, Subscription, sealing_context
from edurelay.mongo import Database
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay.web.internal import InternalClient
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.external_ids import ExternalIds
from edurelay_webhook_dispatcher.failures import ConditionFailures
from edurelay_webhook_dispatcher.intake import Intake
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.translator import Translator
from integration.cut import Line

TENANT, ENDPOINT = "north", "endpoint"
SEALER = Sealer.from_keys("k1:" + b64encode(bytes(32)).decode())
#: One goes at once, one at the second attempt, one never.
KINDS = ("at.once", "at.second", "at.no.time") * 3
ATTEMPTS = 3 * (1 + 2 + 3)
#: Short enough to see deliveries die, and a dead dispatcher's claims come back.
SCHEDULE, LEASE = (0.0, 0.05, 0.05), 0.6


@dataclass
class Log:
    """A partition of the events topic, and what was committed of it."""

    messages: list[Received]
    finished: set[int] = field(default_factory=set)

    @property
    def committed(self) -> int:
        """The offset from which the next dispatcher reads."""
        return next((n for n in range(len(self.messages)) if n not in self.finished), len(self.messages))

    def finish(self, offsets: Sequence[int], _outcome: str) -> None:
        """Take note of messages that a dispatcher needs no more."""
        self.finished.update(offsets)


def log_of_events() -> Log:
    events = [Event(new_event_id(), kind, "/here", TENANT, now(), b'{"n":1}') for kind in KINDS]
    return Log(
        [
            Received(EVENTS.name, 0, offset, 1_800_000_000_000 + offset, event.key, event.data, event.headers())
            for offset, event in enumerate(events)
        ]
    )


@asynccontextmanager
async def dispatcher(uri: str, name: str, producer: Producer, url: str, log: Log) -> AsyncIterator[store.Store]:
    """Let a dispatcher work for as long as the context lasts."""
    endpoints = Endpoints(SEALER)
    sealed = SEALER.seal(new_secret().encode(), sealing_context(TENANT, ENDPOINT))
    endpoints.on_change(
        ENDPOINT,
        Subscription(
            id=ENDPOINT,
            tenant=TENANT,
            url=url,
            event_types=["*"],
            signature_profiles=[SignatureProfile.STANDARD],
            secrets=[sealed],
            secret_expiries=[0],
            version=1,
        ),
    )
    client = EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test", require_https=False)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await Database.connect(uri, name, collections=store.ALL))
        sender = Sender(await stack.enter_async_context(client), seconds=5.0)
        kept = store.Store.of(database)
        recorder = Recorder(kept, producer, lease=LEASE)
        courier = Courier(sender, recorder, schedule=SCHEDULE, lease=LEASE, gone=lambda endpoint, reason: None)
        nowhere = InternalClient("nobody", "http://127.0.0.1:9", SecretStr(""))  # Nothing is asked of the others.
        translator = Translator(ExternalIds(nowhere), endpoints, courier, recorder)
        retrier = Retrier(kept, endpoints, courier, recorder, translator)
        choice = Choice(Evaluator(), ConditionFailures(nowhere))
        intake = Intake(endpoints, choice, translator, recorder, DeadLetters(producer), kept)
        unread = log.messages[log.committed :]

        async def read() -> None:
            await intake.assigned([Assignment(EVENTS.name, 0, log.committed, len(log.messages))])
            for message in unread:
                await intake.handle(Batch(EVENTS.name, 0, [message], log.finish))

        tasks = [asyncio.create_task(part) for part in (recorder.run(), courier.run(), retrier.run(), read())]
        try:
            yield kept
        finally:
            # What was begun dies with the process.
            tasks += [task for lane in courier.lanes() for task in lane.under_way.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def answer_to(receiver: Receiver, number: int) -> int:
    """Answer request `number` by the kind of its event."""
    request = receiver.requests[number]
    times = receiver.events.count(request.headers["webhook-id"])
    kind = request.event["event"]
    return 204 if kind == "at.once" or (kind == "at.second" and times > 1) else 500


async def at_rest(kept: store.Store, log: Log) -> dict[str, int]:
    """Return the ledger once every delivery has ended and the backlog says so."""
    repository = Repository(kept, TENANT)
    async with asyncio.timeout(60):
        while True:
            ledger = await repository.ledger(ENDPOINT)
            waiting = await kept.backlog.count(DeliveryStatus.PENDING)
            if ledger["matched"] == len(KINDS) and ledger["pending"] == waiting == 0:
                return ledger
            await asyncio.sleep(0.05)


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    """What tells of attempts."""
    async with Producer(kafka_bootstrap, client_id="test") as producer:
        yield producer


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before it is done", "after it is done"])
async def test_a_dispatcher_that_dies_at_any_write_leaves_what_another_brings_to_its_end(
    mongo_uri: str, producer: Producer, answer_lost: bool
) -> None:
    reached = Counter[bool]()
    for write in range(1, 13):
        log, name = log_of_events(), new_id("test")
        async with await Database.connect(mongo_uri, name, collections=store.ALL):
            pass
        async with receiving() as receiver:
            receiver.script = partial(answer_to, receiver)
            with Line(mongo_uri, write, answer_lost=answer_lost) as line:
                async with dispatcher(line.uri, name, producer, receiver.url, log), asyncio.timeout(60):
                    # Where it has fewer writes than that, it dies when it has made its last attempt.
                    while not line.broken and len(receiver.requests) < ATTEMPTS:
                        await asyncio.sleep(0.01)
                    reached[line.broken] += 1
                    line.mend()
            async with dispatcher(mongo_uri, name, producer, receiver.url, log) as kept:
                ledger = await at_rest(kept, log)
                assert ledger == {"matched": 9, "delivered": 6, "pending": 0, "dead_lettered": 3}
                assert log.committed == len(KINDS)
                assert await kept.backlog.count(DeliveryStatus.DEAD_LETTERED) == 3
                ids = [event.id for event in map(event_of, log.messages)]
                assert sorted(await kept.events.find(TENANT, ids)) == sorted(ids)
                assert set(receiver.events) == set(ids)
    assert reached[True] >= 6, "the dispatcher writes too seldom for this test to say anything"


def event_of(received: Received) -> Event:
    return Event.from_message(received.headers, received.value)
