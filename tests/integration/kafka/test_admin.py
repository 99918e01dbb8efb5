"""Topics are created once from their declaration, and a service notices when they are not as declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edurelay.events.ids import new_id
from edurelay.events.topics import ALL, Cleanup, Topic
from edurelay.kafka.admin import apply_topics, verify_topics
from edurelay.kafka.errors import KafkaUnavailable, TopicMismatch


def declared(partitions: int = 2, cleanup: Cleanup = Cleanup.COMPACT_AND_DELETE) -> Topic:
    return Topic(new_id("test"), partitions, cleanup, "any", "anything", 3_600_000)


async def test_applying_again_creates_nothing(kafka_bootstrap: str) -> None:
    topics = [declared(), declared(1, Cleanup.COMPACT)]
    created = await apply_topics(kafka_bootstrap, topics, replication_factor=1)
    assert created == [topic.name for topic in topics]
    assert await apply_topics(kafka_bootstrap, topics, replication_factor=1) == []
    await verify_topics(kafka_bootstrap, topics)


async def test_every_declared_topic_can_be_created(kafka_bootstrap: str) -> None:
    await verify_topics(kafka_bootstrap, ALL)


async def test_a_missing_topic_is_named_with_the_command_that_creates_it(kafka_bootstrap: str) -> None:
    topic = declared()
    with pytest.raises(TopicMismatch, match=rf"{topic.name}; run `edurelay topics apply`"):
        await verify_topics(kafka_bootstrap, [topic])


async def test_another_number_of_partitions_is_a_mismatch(kafka_bootstrap: str) -> None:
    topic = declared(partitions=2)
    await apply_topics(kafka_bootstrap, [topic], replication_factor=1)
    with pytest.raises(TopicMismatch, match="has 2 partitions, declared are 3"):
        await verify_topics(kafka_bootstrap, [replace(topic, partitions=3)])


async def test_another_cleanup_policy_is_a_mismatch(kafka_bootstrap: str) -> None:
    topic = declared(cleanup=Cleanup.DELETE)
    await apply_topics(kafka_bootstrap, [topic], replication_factor=1)
    with pytest.raises(TopicMismatch, match=r"add-config cleanup.policy=\[compact\]"):
        await verify_topics(kafka_bootstrap, [replace(topic, cleanup=Cleanup.COMPACT)])


async def test_more_replicas_than_brokers_are_refused_with_the_brokers_reason(kafka_bootstrap: str) -> None:
    with pytest.raises(TopicMismatch, match="ReplicationFactor"):
        await apply_topics(kafka_bootstrap, [declared()], replication_factor=7)


async def test_without_a_broker_kafka_is_unavailable() -> None:
    with pytest.raises(KafkaUnavailable):
        await verify_topics("127.0.0.1:9", ALL)
