"""The service over its stops and starts, and over a topic that is not what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from edurelay.events.ids import new_id
from edurelay.events.topics import RECORDS
from edurelay.kafka.admin import apply_topics
from integration.mapping.service import Service, running
from integration.mapping.world import student


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_again(bootstrap: str) -> None:
    """Delete the topic of records and create it anew."""
    async with admin(bootstrap) as client:
        await client.delete_topics([RECORDS.name])
        async with asyncio.timeout(20):
            while RECORDS.name in await client.list_topics():
                await asyncio.sleep(0.1)
    await apply_topics(bootstrap, [RECORDS], replication_factor=1)


async def number_of_first(service: Service, tenant: str) -> str:
    """What the service knows of student 1."""
    [entity] = (await service.get(f"/internal/tenants/{tenant}/entities/student"))["data"]
    number: str = entity["attributes"]["number"]
    return number


async def test_what_was_done_stays_done_and_what_comes_in_between_is_done_later(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    tenant = new_id("tenant")
    async with running(kafka_bootstrap, mongo_uri, database_name) as first:
        await first.feed(tenant, "run", student("1", number="a"), sequence=1)
        await first.settle(tenant, "run")
        producer = first
        async with running(kafka_bootstrap, mongo_uri, database_name) as replica:
            await producer.feed(tenant, "run", student("1", number="b"), sequence=2)
            await replica.settle(tenant, "run", through=2)
    async with running(kafka_bootstrap, mongo_uri, database_name) as second:
        await second.feed(tenant, "run", student("1", number="c"), sequence=3)
        assert (await second.settle(tenant, "run", through=3))["students"]["updated"] == 2
        [event] = await second.told(lambda event: event.tenant == tenant, 1)
        assert event.type == "student.updated"
        assert await number_of_first(second, tenant) == "c"


async def test_a_topic_that_was_created_again_is_refused_until_the_command_says_that_it_is_right(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    tenant = new_id("tenant")
    async with running(kafka_bootstrap, mongo_uri, database_name) as before:
        for sequence, number in enumerate("abc", start=1):
            await before.feed(tenant, "run", student("1", number=number), sequence=sequence)
        await before.settle(tenant, "run", through=3)
    await create_again(kafka_bootstrap)
    async with running(kafka_bootstrap, mongo_uri, database_name) as after:
        await after.feed(tenant, "new-run", student("1", number="d"))
        ready = await after.until(lambda answer: answer["checks"]["log"] != "ok", "/readyz")
        assert "edurelay mapping accept-log" in ready["checks"]["log"]
        assert await number_of_first(after, tenant) == "c"

        status, accepted = await after.ask("POST", "/internal/log/accept")
        assert (status, accepted) == (200, {"epoch": 2})
        await after.until(lambda answer: answer["checks"]["log"] == "ok", "/readyz")
        assert (await after.settle(tenant, "new-run"))["students"]["updated"] == 1
        assert await number_of_first(after, tenant) == "d"
