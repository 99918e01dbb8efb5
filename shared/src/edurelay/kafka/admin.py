"""Topics: created from their declaration by one command, verified by each service at its start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError, for_code

from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.errors import KafkaUnavailable, TopicMismatch
from edurelay.kafka.limits import MAX_BATCH_BYTES

#: An old value of a compacted topic should not outlive its successor for long: tables read the whole topic at a start.
_COMPACT_EARLY = {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "86400000"}

#: How long the coordinator of a group may take to be found.
_COORDINATOR_SECONDS = 15.0


async def apply_topics(bootstrap: str, topics: Sequence[Topic], *, replication_factor: int) -> list[str]:
    """Create the topics that do not exist yet, wait until they have leaders, and return their names.

    Existing topics are left as they are, whatever they look like; `verify_topics` tells about those.
    Raises `KafkaUnavailable`, or `TopicMismatch` where the broker refuses a topic.
    """
    async with _admin(bootstrap) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        answer = await admin.create_topics([_declaration(topic, replication_factor) for topic in missing])
        created = [name for name, code, reason in answer.topic_errors if _was_created(name, code, reason)]
        await _until_led(admin, [topic.name for topic in missing])
        return created


async def verify_topics(bootstrap: str, topics: Sequence[Topic]) -> None:
    """Return if every topic exists with the declared number of partitions and cleanup policy.

    Retention is the operator's to change. Raises `TopicMismatch` saying what to run, or `KafkaUnavailable`.
    """
    async with _admin(bootstrap) as admin:
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        present = [topic for topic in topics if topic.name in found]
        cleanup = await _cleanup_policies(admin, [topic.name for topic in present])
    complaints = []
    if missing := [topic.name for topic in topics if topic.name not in found]:
        complaints.append(f"missing: {', '.join(missing)}; run `edurelay topics apply`")
    for topic in present:
        if found[topic.name] != topic.partitions:
            complaints.append(
                f"{topic.name} has {found[topic.name]} partitions, declared are {topic.partitions}: keys would change "
                f"their partition; drain it, delete it, and run `edurelay topics apply`"
            )
        if set(cleanup[topic.name].split(",")) != set(topic.cleanup.split(",")):
            complaints.append(
                f"{topic.name} has cleanup.policy={cleanup[topic.name]}; run `kafka-configs.sh --alter --entity-type "
                f"topics --entity-name {topic.name} --add-config cleanup.policy=[{topic.cleanup}]`"
            )
    if complaints:
        raise TopicMismatch("; ".join(complaints))


async def committed_offsets(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """Return what a consumer group has committed, by topic and partition. Raises `KafkaUnavailable`."""
    async with _admin(bootstrap) as admin:
        found = await _ask_coordinator(admin, group)
    return {(place.topic, place.partition): committed.offset for place, committed in found.items()}


async def _ask_coordinator(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, Any]:
    async with asyncio.timeout(_COORDINATOR_SECONDS):
        while True:
            try:
                found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
            except GroupCoordinatorNotAvailableError:
                # A cluster in which no group was ever asked for makes the topic of offsets at the first question.
                await asyncio.sleep(0.2)
            else:
                return found


def _declaration(topic: Topic, replication_factor: int) -> NewTopic:
    configs = {"cleanup.policy": str(topic.cleanup), "max.message.bytes": str(MAX_BATCH_BYTES)}
    if topic.retention is not None:
        configs["retention.ms"] = str(topic.retention)
    if topic.cleanup is not Cleanup.DELETE:
        configs.update(_COMPACT_EARLY)
    return NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=configs)


def _was_created(name: str, code: int, reason: str | None) -> bool:
    if code == 0:
        return True
    error = for_code(code)
    if error is TopicAlreadyExistsError:  # Somebody else ran the same command at the same time.
        return False
    raise TopicMismatch(f"{name} could not be created: {error.__name__}: {reason}")


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    async with asyncio.timeout(30):
        while True:
            described = await admin.describe_topics(names)
            leaders = [part["leader"] for topic in described for part in topic["partitions"]]
            if all(topic["error_code"] == 0 for topic in described) and leaders and min(leaders) >= 0:
                return
            await asyncio.sleep(0.05)


async def _cleanup_policies(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, str]:
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, {"cleanup.policy": None}) for name in names]
    policies: dict[str, str] = {}
    for answer in await admin.describe_configs(wanted):
        for _, _, _, name, entries in answer.resources:
            policies[name] = _value_of("cleanup.policy", entries)
    return policies


def _value_of(setting: str, entries: Sequence[Sequence[Any]]) -> str:
    return next((str(value) for name, value, *_ in entries if name == setting), "")


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=15_000)
    try:
        await admin.start()
        yield admin
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(f"the topics could not be looked at: {error}") from error
    finally:
        await admin.close()
