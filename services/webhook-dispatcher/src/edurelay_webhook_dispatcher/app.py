"""The composition root: everything that the dispatcher consists of, in the order in which it starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.events import topics
from edurelay.kafka.admin import verify_topics
from edurelay.kafka.consumer import Consumer
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.kafka.tables import CompactedTable
from edurelay.messages.subscriptions import Subscription
from edurelay.mongo import Database, StoreUnavailable
from edurelay.mongo.leases import Leases
from edurelay.runtime.health import Readiness
from edurelay.runtime.supervisor import Lifetime
from edurelay.security.sealing import Sealer
from edurelay.web.application import build_application
from edurelay.web.auth import InternalOnly
from edurelay.web.internal import InternalClient
from edurelay.web.problems import ErrorTable, Problem
from edurelay.web.server import serve
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.api import Api
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.health import Health
from edurelay_webhook_dispatcher.intake import Intake
from edurelay_webhook_dispatcher.lanes import CLAIM_SECONDS
from edurelay_webhook_dispatcher.notices import Notices
from edurelay_webhook_dispatcher.payloads import Payloads
from edurelay_webhook_dispatcher.probes import Probes
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.redeliveries import Redeliveries
from edurelay_webhook_dispatcher.replays import Replays
from edurelay_webhook_dispatcher.retention import Retention
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.settings import DispatcherSettings

NAME = "webhook-dispatcher"
#: How many events of a partition may be under way or wait in memory, and how many are taken at a time: a partition that
#: has no room for as many again is paused, and then misses the fetch that is under way.
MAX_UNFINISHED = 400
AT_A_TIME = 100


def _unavailable(_error: Exception) -> Problem:
    return Problem(503, "store_unavailable", "A store does not answer; try again.", headers={"Retry-After": "1"})


PROBLEMS: ErrorTable = {**dict.fromkeys(StoreUnavailable, _unavailable), KafkaUnavailable: _unavailable}


async def build(settings: DispatcherSettings, lifetime: Lifetime) -> None:
    """Start the dispatcher. What is stopped first stands last."""
    sealer = Sealer.from_keys(settings.seal_keys.get_secret_value())
    await verify_topics(settings.kafka, topics.ALL)
    connecting = await Database.connect(settings.mongo, settings.mongo_database, collections=store.ALL)
    database = await lifetime.enter("the database", connecting)
    kept = store.Store.of(database)
    lease = settings.attempt_seconds + CLAIM_SECONDS
    producer = await lifetime.enter("the producer", Producer(settings.kafka, client_id=NAME))
    log = await lifetime.enter("the log reader", LogReader(settings.kafka))
    client = EgressClient(
        AddressGuard(settings.egress_allow),
        user_agent="Edurelay-Webhooks/1.0",
        connect_timeout=settings.connect_seconds,
        require_https=settings.require_https,
    )
    sender = Sender(await lifetime.enter("the HTTP client", client), seconds=settings.attempt_seconds)
    gateway = InternalClient("gateway", settings.gateway_url, settings.internal_token)

    endpoints = Endpoints(sealer)
    table = CompactedTable(settings.kafka, topics.SUBSCRIPTIONS, Subscription.decode, on_change=endpoints.on_change)
    await lifetime.enter("the table of subscriptions", table)
    lifetime.spawn("the table of subscriptions", table.run())
    notices = Notices(await lifetime.enter("the gateway's client", gateway), endpoints)
    lifetime.spawn("notices to the gateway", notices.run())

    recorder = Recorder(kept, producer, lease=lease)
    lifetime.spawn("the recorder", recorder.run())
    health = Health(
        database[store.FAILING],
        producer,
        disable_after=settings.disable_after_seconds,
        disable=notices.failing,
        enable=notices.recovered,
    )
    lifetime.spawn("the health of endpoints", health.run())
    courier = Courier(
        sender,
        recorder,
        health,
        schedule=settings.schedule,
        lease=lease,
        gone=notices.gone,
    )
    endpoints.closed = courier.forget
    lifetime.spawn("the courier", courier.run())
    await lifetime.enter("attempts under way", _finished_at_the_end(courier, settings.drain_seconds / 2))
    retrier = Retrier(kept, endpoints, courier, recorder)
    lifetime.spawn("the retrier", retrier.run())
    leases = Leases(database[store.LEASES])
    probes = Probes(kept, leases, endpoints, courier, pause=settings.probe_seconds)
    lifetime.spawn("probes", probes.run())
    replays = Replays(kept, leases, log, retrier.wake)
    lifetime.spawn("replays", replays.run())
    payloads = Payloads(log)
    redeliveries = Redeliveries(database[store.REDELIVERIES], kept, leases, payloads, retrier.wake)
    lifetime.spawn("redeliveries", redeliveries.run())
    retention = Retention(
        kept,
        leases,
        deliveries_days=settings.delivery_retention_days,
        events_days=settings.event_retention_days,
        pause=settings.retention_seconds,
    )
    lifetime.spawn("retention", retention.run())

    intake = Intake(endpoints, courier, recorder, DeadLetters(producer), kept)
    consumer = Consumer(
        settings.kafka,
        group=NAME,
        topics=[topics.EVENTS],
        handler=intake,
        max_records=AT_A_TIME,
        max_unfinished=MAX_UNFINISHED,
        drain_seconds=settings.drain_seconds / 2,
        instance=settings.instance,
    )
    await lifetime.enter("the consumer of events", consumer)
    lifetime.spawn("the consumer of events", consumer.run())

    readiness = Readiness()
    readiness.add("service", lifetime.check_running)
    readiness.add("kafka", producer.ping)
    readiness.add("mongo", database.ping)
    application = build_application(
        [Api(kept, endpoints, retrier, replays, redeliveries, payloads)],
        authenticate=InternalOnly(settings.internal_token),
        title="Edurelay webhook-dispatcher, internal",
        version="1",
        readiness=readiness,
        table=PROBLEMS,
    )
    await lifetime.enter("the internal API", serve(application, settings.http_host, settings.http_port))


@asynccontextmanager
async def _finished_at_the_end(courier: Courier, seconds: float) -> AsyncIterator[None]:
    """By the time this ends nothing new comes in: let what is under way end, and write everything down."""
    yield
    await courier.finish(seconds)
