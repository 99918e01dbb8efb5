"""A single write: its event stays in the document until Kafka has it, and the order of versions is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edurelay.events.envelope import Message
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import Database
from edurelay_mapping import store
from edurelay_mapping.assignments import MappingConflict
from edurelay_mapping.canonical import Unmappable
from edurelay_mapping.identity import Identity
from integration.mapping.world import CONNECTION, TENANT, Log, World, student

ADA = Identity(TENANT, CONNECTION, "student", "1")


async def unavailable(messages: Sequence[Message]) -> None:
    raise KafkaUnavailable("gone")


async def age_notes(database: Database) -> None:
    """Let the time pass after which a sweep looks after notes."""
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    await database[store.UNSENT].update_many({}, {"$set": {"at": long_ago}})


def attributes(**further: Any) -> dict[str, Any]:
    return {"name": "Ada", **further}


async def test_a_write_makes_the_record_and_one_event(world: World) -> None:
    document, created = await world.writes.put(ADA, attributes(course=None))
    assert (document["internal_id"], created) == (ADA.derived_id, True)
    assert world.heard() == [("student.created", "1", 1)]


async def test_a_write_that_says_nothing_new_changes_nothing(world: World) -> None:
    await world.writes.put(ADA, attributes())
    _, created = await world.writes.put(ADA, attributes())
    assert not created
    assert world.heard() == [("student.created", "1", 1)]


async def test_a_write_that_changes_something_is_the_next_version(world: World) -> None:
    await world.writes.put(ADA, attributes())
    document, created = await world.writes.put(ADA, attributes(email="ada@example.org"))
    assert (document["version"], document["changed"], created) == (2, ["email"], False)
    assert world.heard() == [("student.created", "1", 1), ("student.updated", "1", 2)]


async def test_what_kafka_does_not_take_stays_until_it_does_and_keeps_its_order(database: Database) -> None:
    cut_off = World(database, send_all=unavailable)
    await cut_off.writes.put(ADA, attributes())
    await cut_off.writes.put(ADA, attributes(email="ada@example.org"))
    assert len((await cut_off.document("1"))["unsent"]) == 2
    await age_notes(database)
    later = World(database)
    await later.writes.sweep()
    assert later.heard() == [("student.created", "1", 1), ("student.updated", "1", 2)]
    assert (await later.document("1"))["unsent"] == []
    assert await database[store.UNSENT].count_documents({}) == 0


async def test_nothing_is_left_noted_down_once_the_event_is_sent(world: World) -> None:
    await world.writes.put(ADA, attributes())
    assert await world.database[store.UNSENT].count_documents({}) == 0


async def test_a_sweep_leaves_the_notes_of_calls_at_work_alone(database: Database) -> None:
    await World(database, send_all=unavailable).writes.put(ADA, attributes())
    later = World(database)
    await later.writes.sweep()
    assert later.told == []


async def test_concurrent_writes_of_one_record_are_versions_each_told_of_in_order(database: Database) -> None:
    worlds = [World(database) for _ in range(4)]
    await asyncio.gather(*(world.writes.put(ADA, attributes(number=str(n))) for n, world in enumerate(worlds)))
    told = [event.data for world in worlds for event in world.events]
    assert len(set(told)) == 4
    assert (await worlds[0].document("1"))["version"] == 4


async def test_a_batch_that_changes_the_record_sends_the_unsent_event_first(database: Database) -> None:
    await World(database, send_all=unavailable).writes.put(ADA, attributes())
    later = World(database)
    await later.run(student("1", number="7"))
    assert later.heard() == [("student.created", "1", 1), ("student.updated", "1", 2)]


async def test_a_write_over_a_version_that_was_not_told_of_tells_of_it_first(database: Database) -> None:
    log = Log()
    message = log.append(student("1", number="batch"))
    cut_off, other = World(database, log, send_all=unavailable), World(database, log)
    await cut_off.take()
    with pytest.raises(KafkaUnavailable):
        await cut_off.work()
    await other.writes.put(ADA, attributes(number="call"))
    assert other.heard() == [("student.created", "1", 1), ("student.updated", "1", 2)]

    successor = World(database, log)
    await successor.take()
    await successor.work()
    assert successor.told == []
    assert await successor.outcome(message) == (1, 1, 0, 0, 0)
    assert (await successor.document("1"))["attributes"]["number"] == "call"


async def test_a_write_to_a_record_whose_inside_id_was_given_away_is_a_conflict(world: World) -> None:
    bob = Identity(TENANT, CONNECTION, "student", "2")
    await world.assignments.assign(bob, ADA.derived_id, {}, "2026-01-01T00:00:00.000Z")
    with pytest.raises(MappingConflict):
        await world.writes.put(ADA, attributes())


async def test_a_write_that_the_database_cannot_hold_is_refused_and_leaves_nothing(world: World) -> None:
    with pytest.raises(Unmappable):
        await world.writes.put(ADA, attributes(extra={"n": 2**63}))
    assert await world.database[store.UNSENT].count_documents({}) == 0
