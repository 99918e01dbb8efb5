"""The composition root: every object of the service, built in order, by name."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime, timedelta
from functools import partial

from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.events.ids import new_id
from edurelay.events.topics import COMMANDS, CONNECTIONS, INGEST, RECORDS, RUNS
from edurelay.kafka.admin import verify_topics
from edurelay.kafka.consumer import Consumer
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.keyed import KeyedHandler
from edurelay.kafka.producer import Producer
from edurelay.kafka.tables import CompactedTable
from edurelay.messages.commands import CommandKind
from edurelay.messages.connections import Connection
from edurelay.mongo import Database, StoreUnavailable
from edurelay.mongo.leases import Leases
from edurelay.mongo.outbox import Outbox
from edurelay.runtime.health import Readiness
from edurelay.runtime.logging import get_logger
from edurelay.runtime.supervisor import Lifetime
from edurelay.security.sealing import Sealer
from edurelay.web.application import build_application
from edurelay.web.auth import InternalOnly
from edurelay.web.internal import InternalClient
from edurelay.web.server import serve
from edurelay_connector_runner.api import ProvidersApi
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.ingest import Ingest
from edurelay_connector_runner.intake import Intake
from edurelay_connector_runner.jobs.check import Check
from edurelay_connector_runner.jobs.export import Export
from edurelay_connector_runner.jobs.reprocess import Reprocess
from edurelay_connector_runner.jobs.settlement import Settlement
from edurelay_connector_runner.jobs.sync import Sync
from edurelay_connector_runner.mapping_client import MappingClient
from edurelay_connector_runner.opening import Opening
from edurelay_connector_runner.outbound import Outbound
from edurelay_connector_runner.records.sinks import Rehearsal, Transmission
from edurelay_connector_runner.runs import store
from edurelay_connector_runner.runs.decision import Patience
from edurelay_connector_runner.runs.store import Candidate, RunStore
from edurelay_connector_runner.sdk.registry import Registry
from edurelay_connector_runner.settings import RunnerSettings
from edurelay_connector_runner.work.execution import Execution
from edurelay_connector_runner.work.pool import Pool

log = get_logger(__name__)

#: How long a run waits for the state of its connection that its command was meant for; then it goes on with what
#: there is, and fails by itself where there is none.
CONNECTION_WAIT = timedelta(seconds=60)
SWEEP_SECONDS = 5.0
#: How often a webhook is tried whose provider does not answer: for about a minute.
WEBHOOK_ATTEMPTS = 12

_UNAVAILABLE: tuple[type[Exception], ...] = (KafkaUnavailable, *StoreUnavailable)


async def build(settings: RunnerSettings, lifetime: Lifetime, registry: Registry | None = None) -> None:
    """Start the service. `registry` is what is installed, unless it is given."""
    registry = registry or Registry.discover()
    for provider, reason in registry.broken.items():
        log.error("a connector cannot be used", provider=provider, reason=reason)

    await verify_topics(settings.kafka, [COMMANDS, CONNECTIONS, INGEST, RECORDS, RUNS, COMMANDS.dlq, INGEST.dlq])
    database = await lifetime.enter(
        "database",
        await Database.connect(settings.mongo, settings.mongo_database, collections=[store.RUNS, store.LEASES]),
    )
    producer = await lifetime.enter("producer", Producer(settings.kafka, client_id="connector-runner"))
    connections = await lifetime.enter("connections", CompactedTable(settings.kafka, CONNECTIONS, Connection.decode))
    lifetime.spawn("follow connections", connections.run())
    mapping_http = await lifetime.enter(
        "mapping client", InternalClient("mapping", settings.mapping_url, settings.internal_token)
    )
    egress = await lifetime.enter(
        "outbound http", EgressClient(AddressGuard(settings.egress_allow), user_agent="edurelay-connector-runner")
    )

    outbox = Outbox(database[store.RUNS], producer.send_all, hopeless=MessageTooLarge)
    lifetime.spawn("outbox sweep", _sweep(outbox))
    runs = RunStore(database[store.RUNS], database[store.LEASES], outbox)
    mapping = MappingClient(mapping_http)
    patience = Patience(first_pause=settings.retry_seconds)
    opening = Opening(
        connections,
        registry,
        Sealer.from_keys(settings.seal_keys.get_secret_value()),
        Outbound(egress).http_for,
        partial(FileRoots.of, settings.file_roots),
        patience,
    )

    def provider_of(connection_id: str) -> str:
        connection = connections.get(connection_id)
        return "unknown" if connection is None else connection.provider

    transmission = Transmission(producer)
    settlement = Settlement(mapping)
    execution = Execution(
        {
            CommandKind.SYNC: Sync(opening, runs, transmission, Rehearsal(), settlement),
            CommandKind.TEST: Check(opening),
            CommandKind.EXPORT: Export(opening, mapping),
            CommandKind.REPROCESS: Reprocess(opening, mapping, transmission, settlement),
        },
        patience,
        provider_of,
    )

    def ready(candidate: Candidate) -> bool:
        connection = connections.get(candidate.connection_id)
        if connection is not None and connection.version >= candidate.connection_version:
            return True
        return datetime.now(UTC) - candidate.queued_at > CONNECTION_WAIT

    pool = await lifetime.enter(
        "workers",
        Pool(
            runs,
            Leases(database[store.LEASES]),
            execution,
            ready,
            stop=lifetime.stopping,
            holder=f"{socket.gethostname()}/{os.getpid()}/{new_id('runner')}",
            workers=settings.workers,
            lease_seconds=settings.lease_seconds,
            drain_seconds=settings.drain_seconds / 2,
        ),
    )
    lifetime.spawn("claim runs", pool.run())

    dead_letters = DeadLetters(producer)
    intake = KeyedHandler(Intake(runs, pool.wake).process, dead_letters=dead_letters, retry_on=_UNAVAILABLE)
    ingest = KeyedHandler(
        Ingest(opening, connections.wait_for, runs.epoch_of, producer).process,
        dead_letters=dead_letters,
        attempts=WEBHOOK_ATTEMPTS,
        retry_on=_UNAVAILABLE,
    )
    for group, topic, handler in (
        ("connector-runner", COMMANDS, intake),
        ("connector-runner-ingest", INGEST, ingest),
    ):
        consumer = await lifetime.enter(
            group,
            Consumer(
                settings.kafka,
                group=group,
                topics=[topic],
                handler=handler,
                drain_seconds=settings.drain_seconds / 2,
                instance=settings.instance,
            ),
        )
        lifetime.spawn(f"consume {topic.name}", consumer.run())

    readiness = Readiness()
    readiness.add("service", lifetime.check_running)
    readiness.add("mongo", database.ping)
    readiness.add("kafka", producer.ping)
    application = build_application(
        [ProvidersApi(registry)],
        authenticate=InternalOnly(settings.internal_token),
        title="Edurelay connector-runner",
        version="1",
        readiness=readiness,
    )
    await lifetime.enter("http", serve(application, settings.http_host, settings.http_port))


async def _sweep(outbox: Outbox) -> None:
    """Send what a crash has left unsent, from time to time, for ever."""
    while True:
        try:
            await outbox.sweep()
        except _UNAVAILABLE as error:
            log.warning("the outbox waits", reason=str(error))
        await asyncio.sleep(SWEEP_SECONDS)
