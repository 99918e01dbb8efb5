"""`python -m edurelay_cli.bench.bare.mapping BOOTSTRAP RECORDS_TOPIC EVENTS_TOPIC MONGO_URI`: consumes batches of
records, inserts a document for each, sends a message for each, commits, for ever.

It takes up to 16 messages at a time, as our own does of a partition, writes with the same concern, and sends with the
batch builder, the cheapest way that aiokafka has.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

from edurelay_cli.bench.bare.producer import bare_producer

_MESSAGES = 16


async def _loop(bootstrap: str, records_topic: str, events_topic: str, mongo_uri: str) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongo_uri, w="majority", journal=True)
    documents = client["edurelay_bench"]["records"]
    producer = bare_producer(bootstrap)
    await producer.start()
    consumer = AIOKafkaConsumer(
        records_topic,
        bootstrap_servers=bootstrap,
        group_id="edurelay-bench",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    while True:
        found = await consumer.getmany(timeout_ms=1000, max_records=_MESSAGES)
        if not found:
            continue
        batches = {
            partition.partition: [record for message in messages for record in orjson.loads(message.value)["records"]]
            for partition, messages in found.items()
        }
        await documents.insert_many(
            [
                {"_id": record["external_id"], "attributes": record["attributes"]}
                for records in batches.values()
                for record in records
            ],
            ordered=False,
        )
        await asyncio.gather(*(_send(producer, events_topic, *batch) for batch in batches.items()))
        await consumer.commit()


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[dict[str, Any]]) -> None:
    batches = [producer.create_batch()]
    for record in records:
        key, value = record["external_id"].encode(), orjson.dumps(record)
        if batches[-1].append(timestamp=None, key=key, value=value) is None:
            batches.append(producer.create_batch())
            batches[-1].append(timestamp=None, key=key, value=value)
    deliveries = [await producer.send_batch(batch, topic, partition=partition) for batch in batches]
    for delivery in deliveries:
        await delivery


if __name__ == "__main__":
    uvloop.run(_loop(*sys.argv[1:]))
