"""The composition root: everything that the mapping service consists of, in the order in which it starts."""

from __future__ import annotations

from edurelay.events import topics
from edurelay.kafka.admin import verify_topics
from edurelay.kafka.consumer import Consumer
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import MessageTooLarge
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.mongo import Database
from edurelay.mongo.outbox import Outbox
from edurelay.runtime.health import Readiness
from edurelay.runtime.supervisor import Lifetime
from edurelay.web.application import build_application
from edurelay.web.auth import InternalOnly
from edurelay.web.server import serve
from edurelay_mapping import store
from edurelay_mapping.api.entities import EntitiesApi
from edurelay_mapping.api.log import LogApi
from edurelay_mapping.api.mappings import MappingsApi
from edurelay_mapping.api.problems import PROBLEMS
from edurelay_mapping.api.runs import RunsApi
from edurelay_mapping.api.tenants import Tenants
from edurelay_mapping.assignments import Assignments
from edurelay_mapping.connections import Connections
from edurelay_mapping.intake import Intake
from edurelay_mapping.ledger import Ledger
from edurelay_mapping.logbook import Logbook
from edurelay_mapping.mapper import Mapper
from edurelay_mapping.predecessors import Predecessors
from edurelay_mapping.settings import MappingSettings
from edurelay_mapping.single_writes import SingleWrites

NAME = "mapping"

#: A message holds up to 500 records, so that these bound the memory, whatever the size of a sync.
MESSAGES, MESSAGES_UNFINISHED = 16, 32


async def build(settings: MappingSettings, lifetime: Lifetime) -> None:
    """Start the mapping service. What is stopped first stands last."""
    await verify_topics(settings.kafka, topics.ALL)
    connecting = await Database.connect(settings.mongo, settings.mongo_database, collections=store.ALL)
    database = await lifetime.enter("the database", connecting)
    producer = await lifetime.enter("the producer", Producer(settings.kafka, client_id=NAME))
    log = await lifetime.enter("the log reader", LogReader(settings.kafka))

    assignments, connections = Assignments(database), Connections(database)
    logbook = Logbook(database, log)
    outbox = Outbox(database[store.ENTITIES], producer.send_all, hopeless=MessageTooLarge)
    predecessors = Predecessors(logbook, outbox, producer.send_all)
    mapper = Mapper(
        database,
        producer.send_all,
        assignments=assignments,
        connections=connections,
        ledger=Ledger(database),
        predecessors=predecessors,
    )
    intake = Intake(mapper, logbook, DeadLetters(producer))
    consumer = Consumer(
        settings.kafka,
        group=NAME,
        topics=[topics.RECORDS],
        handler=intake,
        max_records=MESSAGES,
        max_unfinished=MESSAGES_UNFINISHED,
        drain_seconds=settings.drain_seconds / 2,
        instance=settings.instance,
    )
    await lifetime.enter("the consumer of records", consumer)
    lifetime.spawn("the consumer of records", consumer.run())
    writes = SingleWrites(database, outbox, assignments=assignments, connections=connections, predecessors=predecessors)
    lifetime.spawn("the sweep of unsent events", writes.keep_sweeping())

    readiness = Readiness()
    readiness.add("service", lifetime.check_running)
    readiness.add("kafka", producer.ping)
    readiness.add("mongo", database.ping)
    readiness.add("log", intake.check)
    tenants = Tenants(database, connections)
    application = build_application(
        [
            MappingsApi(tenants, connections, assignments),
            EntitiesApi(tenants, writes),
            RunsApi(tenants),
            LogApi(logbook, intake),
        ],
        authenticate=InternalOnly(settings.internal_token),
        title="Edurelay mapping, internal",
        version="1",
        readiness=readiness,
        table=PROBLEMS,
    )
    await lifetime.enter("the internal API", serve(application, settings.http_host, settings.http_port))
