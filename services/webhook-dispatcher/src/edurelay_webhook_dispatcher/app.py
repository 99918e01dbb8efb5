"""The composition root: everything that the dispatcher consists of, in the order in which it starts."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edurelay.conditions.evaluator import Evaluator
from edurelay.conditions.shares import Shares
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
from edurelay_webhook_dispatcher.audit import Audit
from edurelay_webhook_dispatcher.choice import Choice
from edurelay_webhook_dispatcher.clock import Timekeeper
from edurelay_webhook_dispatcher.courier import Courier
from edurelay_webhook_dispatcher.delivery_api import DeliveryApi
from edurelay_webhook_dispatcher.endpoint_api import EndpointApi
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.external_ids import ExternalIds, MappingAway
from edurelay_webhook_dispatcher.failures import ConditionFailures
from edurelay_webhook_dispatcher.health import Health
from edurelay_webhook_dispatcher.intake import Intake
from edurelay_webhook_dispatcher.lanes import LEASE
from edurelay_webhook_dispatcher.notices import Notices
from edurelay_webhook_dispatcher.order import Order, Precedence
from edurelay_webhook_dispatcher.past import PastEvents
from edurelay_webhook_dispatcher.probes import Probes
from edurelay_webhook_dispatcher.reading import Reading
from edurelay_webhook_dispatcher.recorder import Recorder
from edurelay_webhook_dispatcher.redeliveries import Redeliveries
from edurelay_webhook_dispatcher.replays import Replays
from edurelay_webhook_dispatcher.retention import Retention
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.settings import DispatcherSettings
from edurelay_webhook_dispatcher.stream_api import StreamApi
from edurelay_webhook_dispatcher.streams import EventsGone
from edurelay_webhook_dispatcher.translator import Translator

NAME = "webhook-dispatcher"
#: How many events of a partition may be under way or wait in memory, and how many are taken at a time: a partition that
#: has no room for as many again is paused, and then misses the fetch that is under way.
MAX_UNFINISHED = 400
AT_A_TIME = 100
#: How many file descriptors are left for the stores, the API and all else.
OTHER_DESCRIPTORS = 512
#: How long the mapping service may take for some ids, in seconds: their deliveries wait in memory for so long.
MAPPING_SECONDS = 2.0


def _unavailable(_error: Exception) -> Problem:
    return Problem(503, "store_unavailable", "A store does not answer; try again.", headers={"Retry-After": "1"})


def _gone(error: Exception) -> Problem:
    assert isinstance(error, EventsGone)
    detail = f"What came next was deleted for its age; the first event that is still there is number {error.first}."
    return Problem(410, "events_gone", detail, first=error.first)


def _untranslated(_error: Exception) -> Problem:
    detail = "The ids of the other system cannot be looked up now; try again."
    return Problem(503, "ids_unavailable", detail, headers={"Retry-After": "1"})


PROBLEMS: ErrorTable = {
    **dict.fromkeys(StoreUnavailable, _unavailable),
    KafkaUnavailable: _unavailable,
    MappingAway: _untranslated,
    EventsGone: _gone,
}


async def build(settings: DispatcherSettings, lifetime: Lifetime) -> None:
    """Start the dispatcher. What is stopped first stands last."""
    sealer = Sealer.from_keys(settings.seal_keys.get_secret_value())
    await verify_topics(settings.kafka, topics.ALL)
    connecting = await Database.connect(settings.mongo, settings.mongo_database, collections=store.ALL)
    database = await lifetime.enter("the database", connecting)
    kept = store.Store.of(database)
    timekeeper = Timekeeper(database.time)
    await timekeeper.set()
    lifetime.spawn("the timekeeper", timekeeper.run())
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
    mapping = InternalClient("mapping", settings.mapping_url, settings.internal_token, timeout=MAPPING_SECONDS)

    endpoints = Endpoints(sealer)
    table = CompactedTable(settings.kafka, topics.SUBSCRIPTIONS, Subscription.decode, on_change=endpoints.on_change)
    endpoints.unreadable, endpoints.catch_up = table.unreadable, table.catch_up
    await lifetime.enter("the table of subscriptions", table)
    lifetime.spawn("the table of subscriptions", table.run())
    notices = Notices(await lifetime.enter("the gateway's client", gateway), endpoints)
    lifetime.spawn("notices to the gateway", notices.run())
    failures = ConditionFailures(gateway)
    lifetime.spawn("word of failing conditions", failures.run())
    choice = Choice(await lifetime.enter("the evaluator of conditions", Evaluator(Shares())), failures)
    # A replay may have much to ask, for which new events do not wait; it has time, so that nothing of it is left out.
    replayed = Choice(await lifetime.enter("the evaluator of conditions for replays", Evaluator()), failures)

    recorder = Recorder(kept, producer, lease=LEASE)
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
        lease=LEASE,
        current=endpoints.get,
        gone=notices.gone,
        places=_affordable(settings.max_attempts),
    )
    endpoints.closed = courier.forget
    lifetime.spawn("the courier", courier.run())
    await lifetime.enter("attempts under way", _finished_at_the_end(courier, settings.drain_seconds / 2))
    external_ids = ExternalIds(await lifetime.enter("the mapping service's client", mapping))
    translator = Translator(external_ids, endpoints, courier, recorder)
    precedence = Precedence(kept, endpoints)
    order = await lifetime.enter("chains in memory", Order(precedence, endpoints, translator, recorder))
    lifetime.spawn("chains in memory", order.run())
    retrier = Retrier(kept, endpoints, courier, recorder, translator, precedence)
    lifetime.spawn("the retrier", retrier.run())
    leases = Leases(database[store.LEASES])
    probes = Probes(kept, leases, endpoints, courier, translator, precedence, pause=settings.probe_seconds)
    lifetime.spawn("probes", probes.run())
    audit = Audit(kept, keep_seconds=settings.delivery_retention_days * 86_400)
    lifetime.spawn("the audit", audit.run())
    replays = Replays(kept, leases, log, endpoints, replayed, wake=retrier.wake)
    lifetime.spawn("replays", replays.run())
    past = PastEvents(log, endpoints)
    redeliveries = Redeliveries(database[store.REDELIVERIES], kept, leases, past, retrier.wake)
    lifetime.spawn("redeliveries", redeliveries.run())
    retention = Retention(
        kept,
        leases,
        deliveries_days=settings.delivery_retention_days,
        events_days=settings.event_retention_days,
        pause=settings.retention_seconds,
        exists=endpoints.exists,
    )
    await retention.begin()
    lifetime.spawn("retention", retention.run())

    intake = Intake(endpoints, choice, translator, recorder, DeadLetters(producer), kept, order)
    intake.reassigned = retrier.look_again
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

    reading = Reading(kept, past, external_ids)
    readiness = Readiness()
    readiness.add("service", lifetime.check_running)
    readiness.add("kafka", producer.ping)
    readiness.add("mongo", database.ping)
    application = build_application(
        [
            DeliveryApi(kept, endpoints, retrier, past),
            EndpointApi(kept, endpoints, retrier, replays, redeliveries, reading),
            StreamApi(endpoints, reading),
        ],
        authenticate=InternalOnly(settings.internal_token),
        title="Edurelay webhook-dispatcher, internal",
        version="1",
        readiness=readiness,
        table=PROBLEMS,
    )
    await lifetime.enter("the internal API", serve(application, settings.http_host, settings.http_port))


def _affordable(attempts: int) -> int:
    """Return how many of so many attempts this process has file descriptors for; where it may have more, it takes
    them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OTHER_DESCRIPTORS + 2 * attempts  # An attempt's connection is kept a while for the next one.
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(attempts, (soft - OTHER_DESCRIPTORS) // 2))
    return attempts


@asynccontextmanager
async def _finished_at_the_end(courier: Courier, seconds: float) -> AsyncIterator[None]:
    """By the time this ends nothing new comes in: let what is under way end, and write everything down."""
    yield
    await courier.finish(seconds)
