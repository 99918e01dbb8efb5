"""When Kafka is away, or the gateway died between a change and its message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from edurelay.events import topics
from edurelay.events.envelope import Message
from edurelay.events.topics import ALL
from edurelay.kafka.admin import apply_topics
from edurelay.kafka.producer import Producer
from edurelay.messages.connections import Connection, ConnectionStatus
from edurelay.mongo import Collection, Database
from edurelay.mongo.outbox import Outbox
from edurelay_cli.embedded.kafka import KafkaCluster
from edurelay_gateway.connections.announcement import announcement_of
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.connections.store import CONNECTIONS, ConnectionStore
from edurelay_gateway.publication import Publication
from edurelay_sandbox.webhooks import Webhook, send
from integration.gateway.world import MOODLE, RECEIVER, Caller, World, running, until

JARS = Path(__file__).parents[3] / ".edurelay" / "jars"

SECRET = "whsec_Y2FuYXJ5LWluYm91bmQtc2VjcmV0LTQ3MTE="
EVENT = {"type": "a.b", "data": {}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaCluster]:
    """A broker that may be killed."""
    cluster = KafkaCluster(tmp_path_factory.mktemp("outage"), cache=JARS)
    await cluster.start()
    try:
        await apply_topics(cluster.bootstrap, ALL, replication_factor=1)
        yield cluster
    finally:
        await cluster.stop()


async def kill(broker: KafkaCluster) -> None:
    process = broker.nodes[0].process
    assert process is not None
    await process.kill()


async def test_without_kafka_nothing_is_accepted_and_changes_wait_for_it(
    broker: KafkaCluster, mongo_uri: str, database_name: str
) -> None:
    async with running(broker.bootstrap, mongo_uri, database_name, publish_seconds=2.0) as world:
        tenant = await world.tenant()
        before = await tenant.made("/v1/connections", MOODLE)
        address = before["webhook_url"].removeprefix("https://hub.example")
        await world.anybody("POST", address, raw=b"{}")

        await kill(broker)

        for told in (
            await tenant("POST", "/v1/events", EVENT),
            await tenant("POST", "/v1/events", {"events": [EVENT]}),
            await tenant("POST", "/v1/events", EVENT, headers={"Idempotency-Key": "k"}),
            await world.anybody("POST", address, raw=b"{}"),
        ):
            assert (told.status, told.body["code"], told.headers["Retry-After"]) == (503, "not_confirmed", "1")
        ready = await world.anybody("GET", "/readyz")
        assert ready.status == 503
        assert ready.body["checks"]["kafka"] != "ok"
        assert ready.body["checks"]["mongo"] == "ok"

        endpoint = await tenant("POST", "/v1/endpoints", RECEIVER)
        assert (endpoint.status, endpoint.body["in_force"]) == (201, False)
        changed = await tenant("PATCH", f"/v1/connections/{before['id']}", {"name": "changed meanwhile"})
        assert (changed.status, changed.body["in_force"]) == (200, False)
        run = await tenant("POST", f"/v1/connections/{before['id']}/runs", headers={"Prefer": "wait=1"})
        assert (run.status, run.body["status"]) == (202, "queued")

        await broker.start()

        path = f"/v1/endpoints/{endpoint.body['id']}"
        await until(lambda: tenant("GET", path), lambda told: told.body["in_force"] is True, 60)
        await until(lambda: world.messages(topics.SUBSCRIPTIONS, endpoint.body["id"]), bool, 30)
        commands = await until(lambda: world.commands(before["id"]), bool, 30)
        assert {each.run_id for each in commands} == {run.body["id"]}
        states = await world.messages(topics.CONNECTIONS, before["id"])
        assert Connection.decode(states[-1].value or b"").name == "changed meanwhile"
        accepted = await until(
            lambda: tenant("POST", "/v1/events", EVENT, headers={"Idempotency-Key": "k"}),
            lambda told: told.status == 202,
            30,
        )
        assert accepted.body["id"].startswith("evk_")


async def test_without_kafka_a_provider_is_answered_long_before_the_producer_gives_up(
    broker: KafkaCluster, mongo_uri: str, database_name: str
) -> None:
    async with running(broker.bootstrap, mongo_uri, database_name, publish_seconds=20.0) as world:
        tenant = await world.tenant()
        addresses = [
            (await tenant.made("/v1/connections", {**MOODLE, "webhook": webhook}))["webhook_url"]
            for webhook in ({"profile": "standard", "secrets": [SECRET]}, None)
        ]
        senders = [
            (kind, Webhook(SECRET, url, b"{}")) for kind, url in zip(("standard", "none"), addresses, strict=True)
        ]

        async def sent() -> list[tuple[int, bytes]]:
            """Each of them three times at once."""
            return await asyncio.gather(
                *(
                    send(kind, each, each.url.replace("https://hub.example", world.url))
                    for kind, each in senders
                    for _ in range(3)
                )
            )

        assert {status for status, _ in await sent()} == {202}
        await kill(broker)
        senders = [(kind, replace(each, id="another", body=b"[]")) for kind, each in senders]
        # Far beyond the promised second, for the sake of slow machines, and far below the producer's patience.
        async with asyncio.timeout(10):
            told = await sent()
        assert {(status, orjson.loads(body)["code"]) for status, body in told} == {(503, "not_confirmed")}

        await broker.start()
        again = await until(sent, lambda told: {status for status, _ in told} == {202}, 60)
        assert len({body for _, body in again}) == 2
        key = addresses[0].split("/")[4]
        webhooks = [each.headers for each in await world.messages(topics.INGEST, key)]
        assert len({dict(headers)["id"] for headers in webhooks}) == 2


class Part:
    """A publication of connections over a database of its own, its topic's versions given by hand."""

    def __init__(self, database: Database, producer: Producer) -> None:
        self.store = ConnectionStore(database)
        self.versions: dict[str, int] = {}
        self.publication = Publication(
            self.store.collection,
            Outbox(self.store.collection, producer.send_all, grace_seconds=0),
            self.versions,
            announcement_of,
            keep_deleted=timedelta(0),
        )

    @property
    def collection(self) -> Collection:
        return self.store.collection

    async def insert(self, **fields: Any) -> StoredConnection:
        """Do what the use case does before it crashes: the document is there, its message is not sent."""
        moment = "2026-01-01T00:00:00.000Z"
        connection = StoredConnection(
            id=f"c-{datetime.now(UTC).timestamp()}".replace(".", "-"),
            tenant="t",
            provider="MOODLE",
            name="n",
            config={"apiUrl": "https://moodle.example"},
            credentials=None,
            streams=None,
            status="ACTIVE",
            version=1,
            webhook_secret="s",
            webhook_hash="h",
            created_at=moment,
            updated_at=moment,
            **fields,
        )
        await self.store.of("t").insert(connection)
        return connection


@pytest.fixture
async def part(world: World, mongo_uri: str, database_name: str) -> AsyncIterator[Part]:
    async with await Database.connect(mongo_uri, database_name, collections=[CONNECTIONS]) as database:
        yield Part(database, world.producer)


async def test_the_sweep_sends_what_a_crash_left(world: World, part: Part) -> None:
    connection = await part.insert()
    assert await world.messages(topics.CONNECTIONS, connection.id) == []
    assert await part.publication.sweep() == 1
    [message] = await world.messages(topics.CONNECTIONS, connection.id)
    assert Connection.decode(message.value or b"").version == 1
    assert await part.publication.sweep() == 0
    assert len(await world.messages(topics.CONNECTIONS, connection.id)) == 1


async def test_a_run_whose_order_was_cut_off_is_ordered_all_the_same(world: World, part: Part) -> None:
    connection = await part.insert()
    await part.publication.flush(connection.id)
    command = Message(topics.COMMANDS.name, connection.id.encode(), b'{"kind": "sync"}')
    claimed = await part.store.of("t").claim(connection, "run_1", command)
    assert claimed is not None
    await part.publication.sweep()
    [message] = await world.messages(topics.COMMANDS, connection.id)
    assert message.value == command.value


async def test_a_deleted_document_stays_until_the_topic_shows_its_tombstone(world: World, part: Part) -> None:
    connection = await part.insert()
    part.versions[connection.id] = 1
    await part.store.of("t").change(connection, {"deleted_at": "2026-01-02T00:00:00.000Z"})
    await part.publication.sweep()
    assert (await world.messages(topics.CONNECTIONS, connection.id))[-1].value is None
    assert await part.collection.count_documents({}) == 1

    del part.versions[connection.id]
    await part.publication.sweep()
    assert await part.collection.count_documents({}) == 0


async def test_a_topic_that_differs_from_the_documents_is_mended(world: World, part: Part) -> None:
    same, behind, lost, deleted, gone = [await part.insert() for _ in range(5)]
    for connection in (deleted, gone):
        await part.store.of("t").change(connection, {"deleted_at": "2026-01-02T00:00:00.000Z"})
    changed = await part.store.of("t").change(behind, {"name": "newer"})
    assert changed is not None
    for connection in (same, behind, lost, deleted, gone):
        await part.publication.flush(connection.id)
    # An older state came late and lies last, one state is not there at all, and a deletion was overtaken.
    part.versions |= {same.id: 1, behind.id: 1, deleted.id: 1}

    assert set(await part.publication.mend()) == {behind.id, lost.id, deleted.id}

    assert len(await world.messages(topics.CONNECTIONS, same.id)) == 1
    last = (await world.messages(topics.CONNECTIONS, behind.id))[-1]
    assert Connection.decode(last.value or b"").name == "newer"
    assert len(await world.messages(topics.CONNECTIONS, lost.id)) == 2
    assert (await world.messages(topics.CONNECTIONS, deleted.id))[-1].value is None


async def test_a_change_that_ends_a_run_does_not_end_the_next_one(part: Part) -> None:
    connections = part.store.of("t")
    seen = await connections.claim(await part.insert(), "run_1", Message(topics.COMMANDS.name, b"k", b"{}"))
    assert seen is not None
    freed = await connections.release(seen, {})
    assert freed is not None
    assert await connections.claim(freed, "run_2", Message(topics.COMMANDS.name, b"k", b"{}")) is not None

    assert await connections.change(seen, {"status": ConnectionStatus.ERROR, "active_run": None}) is None
    assert await connections.release(seen, {}) is None
    found = await connections.get(seen.id)
    assert found is not None
    assert found.active_run == "run_2"


async def test_a_restart_finishes_what_the_process_before_left(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with await Database.connect(mongo_uri, database_name, collections=[CONNECTIONS]) as database:
        async with Producer(kafka_bootstrap, client_id="before") as producer:
            connection = await Part(database, producer).insert()
        # The sweep leaves young documents alone, since their writer may be about to send them.
        long_ago = {"unsent.0.at": datetime.now(UTC) - timedelta(minutes=1)}
        await database[CONNECTIONS].update_one({"_id": connection.id}, {"$set": long_ago})
    async with running(kafka_bootstrap, mongo_uri, database_name) as world:
        await until(lambda: world.messages(topics.CONNECTIONS, connection.id), bool)


async def test_a_waiting_caller_is_answered_when_the_gateway_stops(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name) as world:
        tenant: Caller = await world.tenant()
        connection = await tenant.made("/v1/connections", MOODLE)
        path = f"/v1/connections/{connection['id']}/runs"
        waiting = asyncio.create_task(tenant("POST", path, headers={"Prefer": "wait=60"}))
        await until(lambda: world.commands(connection["id"]), bool)
        world.stop()
        told = await asyncio.wait_for(waiting, 10)
        assert (told.status, told.body["status"]) == (202, "queued")
