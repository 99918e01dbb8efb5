"""The composition root: every object of the gateway, built in order, stopped in the opposite one."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from edurelay.conditions.evaluator import Evaluator
from edurelay.egress.guard import AddressGuard
from edurelay.events import topics
from edurelay.events.envelope import Message
from edurelay.events.topics import Topic
from edurelay.kafka.admin import verify_topics
from edurelay.kafka.consumer import Consumer
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.keyed import KeyedHandler
from edurelay.kafka.producer import Producer
from edurelay.kafka.tables import CompactedTable
from edurelay.kafka.tail import Tail
from edurelay.mongo import Collection, Database, Document, StoreUnavailable
from edurelay.mongo.outbox import Outbox
from edurelay.runtime.health import Readiness
from edurelay.runtime.supervisor import Lifetime
from edurelay.security.sealing import Sealer
from edurelay.web.application import build_application
from edurelay.web.internal import InternalClient
from edurelay.web.server import serve
from edurelay_gateway.admission import Admission
from edurelay_gateway.authentication import GatewayAuthenticator
from edurelay_gateway.connections import announcement as connection_messages
from edurelay_gateway.connections.api import ConnectionApi
from edurelay_gateway.connections.secrets import ConnectionSecrets
from edurelay_gateway.connections.service import Connections
from edurelay_gateway.connections.store import CONNECTIONS, ConnectionStore
from edurelay_gateway.connections.webhooks import WebhookRules
from edurelay_gateway.contract import TITLE, VERSION, integrations
from edurelay_gateway.deliveries.api import DeliveryApi
from edurelay_gateway.endpoints import announcement as endpoint_messages
from edurelay_gateway.endpoints.api import EndpointApi, InternalEndpointApi
from edurelay_gateway.endpoints.authentication import EndpointAuth
from edurelay_gateway.endpoints.choosing import Conditions
from edurelay_gateway.endpoints.keys import KeyApi, PublishedKeys
from edurelay_gateway.endpoints.secrets import EndpointKeys
from edurelay_gateway.endpoints.service import Endpoints
from edurelay_gateway.endpoints.store import ENDPOINTS, EndpointStore
from edurelay_gateway.endpoints.streaming import EventStreams
from edurelay_gateway.endpoints.traffic import EndpointTraffic
from edurelay_gateway.events.api import EventApi
from edurelay_gateway.events.publishing import Publisher
from edurelay_gateway.faces.integrations.api import IntegrationApi
from edurelay_gateway.faces.integrations.reports import Reports
from edurelay_gateway.idempotency import IDEMPOTENCY_KEYS, MongoIdempotencyStore
from edurelay_gateway.ingest.addressees import Addressees
from edurelay_gateway.ingest.api import IngestApi
from edurelay_gateway.ingest.replays import Replays
from edurelay_gateway.ingest.service import Ingest
from edurelay_gateway.mappings.api import MappingApi
from edurelay_gateway.neighbours.dispatcher import DispatcherService
from edurelay_gateway.neighbours.mapping import MappingService
from edurelay_gateway.neighbours.runner import RunnerService
from edurelay_gateway.problems import PROBLEMS
from edurelay_gateway.providers.api import ProviderApi
from edurelay_gateway.publication import Publication
from edurelay_gateway.runs.api import RunApi
from edurelay_gateway.runs.projection import RunProjection
from edurelay_gateway.runs.service import Runs
from edurelay_gateway.runs.store import RUNS, RunStore
from edurelay_gateway.runs.waiting import RunWaiters
from edurelay_gateway.settings import GatewaySettings
from edurelay_gateway.tenants.api import TenantApi
from edurelay_gateway.tenants.keyring import Keyring
from edurelay_gateway.tenants.service import Tenants
from edurelay_gateway.tenants.store import API_KEYS, TENANTS, TenantStore

GROUP = "gateway-runs"

COLLECTIONS = (TENANTS, API_KEYS, CONNECTIONS, RUNS, ENDPOINTS, IDEMPOTENCY_KEYS)


async def build(settings: GatewaySettings, lifetime: Lifetime) -> None:
    """Start the gateway."""
    await verify_topics(settings.kafka, topics.ALL)
    database = await lifetime.enter(
        "database", await Database.connect(settings.mongo, settings.mongo_database, collections=COLLECTIONS)
    )
    producer = await lifetime.enter(
        "producer", Producer(settings.kafka, client_id="gateway", timeout=settings.publish_seconds)
    )
    sealer = Sealer.from_keys(settings.seal_keys.get_secret_value())
    admission = Admission(messages=settings.publish_in_flight, size=settings.publish_bytes)

    token = settings.internal_token
    mapping = MappingService(
        await lifetime.enter("mapping client", InternalClient("mapping", settings.mapping_url, token))
    )
    dispatcher = DispatcherService(
        await lifetime.enter("dispatcher client", InternalClient("webhook-dispatcher", settings.dispatcher_url, token))
    )
    runner = RunnerService(
        await lifetime.enter("runner client", InternalClient("connector-runner", settings.runner_url, token))
    )

    streams = DispatcherService(
        await lifetime.enter(
            "dispatcher client of streams",
            InternalClient("webhook-dispatcher", settings.dispatcher_url, token, connections=2 * settings.streams),
        )
    )

    tenant_store = TenantStore(database)
    keyring = Keyring(tenant_store)
    connection_store = ConnectionStore(database)
    endpoint_store = EndpointStore(database)
    run_store = RunStore(database)

    async def publication(collection: Collection, topic: Topic, describe: Callable[[Document], Message]) -> Publication:
        versions = await lifetime.enter(f"table of {topic.name}", CompactedTable(settings.kafka, topic, _version))
        lifetime.spawn(f"table of {topic.name}", versions.run())
        outbox = Outbox(collection, producer.send_all, hopeless=MessageTooLarge)
        made = Publication(collection, outbox, versions, describe)
        lifetime.spawn(f"sweep of {topic.name}", made.run(sweep_seconds=settings.sweep_seconds))
        return made

    connections_out = await publication(
        connection_store.collection, topics.CONNECTIONS, connection_messages.announcement_of
    )
    endpoints_out = await publication(
        endpoint_store.collection, topics.SUBSCRIPTIONS, endpoint_messages.announcement_of
    )

    idempotency = MongoIdempotencyStore(database, sealer)
    lifetime.spawn("leases of idempotency keys", idempotency.run())

    connection_secrets = ConnectionSecrets(sealer)
    connections = Connections(
        connection_store,
        connections_out,
        connection_secrets,
        runner,
        WebhookRules(connection_secrets, runner, public_url=settings.public_url),
        public_url=settings.public_url,
    )
    addressees = Addressees(connection_store, connection_secrets, public_url=settings.public_url)
    projection = RunProjection(run_store, connection_store, connections_out)
    waiters = RunWaiters(lifetime.stopping)
    runs = Runs(run_store, connection_store, connections_out, projection, waiters, mapping, runner)
    guard = AddressGuard(settings.egress_allow)
    conditions = Conditions(await lifetime.enter("evaluator of conditions", Evaluator()))
    endpoints = Endpoints(
        endpoint_store,
        endpoints_out,
        EndpointKeys(sealer),
        EndpointAuth(sealer, guard, require_https=settings.require_https),
        guard,
        connection_store,
        conditions,
        limit=settings.endpoint_limit,
        require_https=settings.require_https,
    )

    consumer = await lifetime.enter(
        "consumer of runs",
        Consumer(
            settings.kafka,
            group=GROUP,
            topics=[topics.RUNS],
            handler=KeyedHandler(
                projection.process,
                dead_letters=DeadLetters(producer),
                retry_on=(KafkaUnavailable, *StoreUnavailable),
            ),
            drain_seconds=settings.drain_seconds / 2,
            instance=settings.instance,
        ),
    )
    lifetime.spawn("consumer of runs", consumer.run())
    tail = await lifetime.enter("tail of runs", Tail(settings.kafka, topics.RUNS, waiters.receive))
    lifetime.spawn("tail of runs", tail.run())

    readiness = Readiness()
    readiness.add("kafka", producer.ping)
    readiness.add("mongo", database.ping)
    readiness.add("running", lifetime.check_running)

    traffic = EndpointTraffic(endpoints, dispatcher, streams, lifetime.stopping)
    event_streams = EventStreams(
        traffic, lifetime.stopping, per_tenant=settings.streams_per_tenant, most=settings.streams
    )
    application = build_application(
        [
            EventApi(Publisher(producer, admission), dispatcher),
            EndpointApi(endpoints, traffic, event_streams, conditions),
            KeyApi(PublishedKeys(endpoint_store)),
            DeliveryApi(dispatcher),
            ConnectionApi(connections),
            RunApi(runs),
            MappingApi(mapping),
            ProviderApi(runner),
            IngestApi(Ingest(addressees, producer, admission, Replays())),
            TenantApi(Tenants(tenant_store, keyring)),
            InternalEndpointApi(endpoints),
            integrations(IntegrationApi(connections, runs, Reports(mapping))),
        ],
        authenticate=GatewayAuthenticator(keyring, settings.admin_token, settings.internal_token),
        title=TITLE,
        version=VERSION,
        readiness=readiness,
        idempotency=idempotency,
        table=PROBLEMS,
        publish_docs=True,
    )
    await lifetime.enter(
        "server", serve(application, settings.http_host, settings.http_port, drain_seconds=settings.drain_seconds / 2)
    )


def _version(value: bytes) -> int:
    return int(orjson.loads(value)["version"])
