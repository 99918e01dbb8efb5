"""Whoever else writes at the same time: one mapping, no lost change, no invented one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from edurelay.events.envelope import Event, Message
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import Database
from edurelay_mapping import store
from edurelay_mapping.identity import Identity
from integration.mapping.world import CONNECTION, TENANT, Log, World, student


def versions(told: Sequence[Message]) -> list[tuple[int, str]]:
    """Version and number of each event, repetitions left out."""
    events = {event.id: orjson.loads(event.data) for event in map(_event, told)}
    return [(data["version"], data["attributes"]["number"]) for data in events.values()]


def _event(message: Message) -> Event:
    return Event.from_message(message.headers, message.value)


async def test_concurrent_first_sightings_of_one_id_end_in_one_mapping(database: Database) -> None:
    worlds = [World(database) for _ in range(6)]
    await asyncio.gather(
        *(
            world.run(student("1", number="same"), student(f"own-{index}"), partition=index, sequence=index)
            for index, world in enumerate(worlds)
        )
    )
    documents = await database[store.ENTITIES].find({"external_id": "1"}).to_list(None)
    assert [document["version"] for document in documents] == [1]
    told = [event.id for world in worlds for event in world.events if b'"external_id":"1"' in event.data]
    assert len(set(told)) == 1
    counts = [await world.outcome(world.log.partitions[index][0]) for index, world in enumerate(worlds)]
    assert sum(created for _, created, *_ in counts) == len(worlds) + 1
    assert all(source == sum(rest) for source, *rest in counts)


async def test_concurrent_different_values_over_several_partitions_are_each_told_of_once(database: Database) -> None:
    worlds = [World(database) for _ in range(5)]
    await asyncio.gather(
        *(world.run(student("1", number=str(n)), partition=n, sequence=n) for n, world in enumerate(worlds))
    )
    told = sorted(versions([message for world in worlds for message in world.told]))
    assert [version for version, _ in told] == list(range(1, len(told) + 1))
    final = await worlds[0].document("1")
    assert (final["version"], final["attributes"]["number"]) == told[-1]
    assert len(told) == 5


async def test_a_writer_that_lost_its_partition_cannot_overwrite_a_later_change(database: Database) -> None:
    log = Log()
    log.append(student("1", number="a"))
    owner, zombie = World(database, log), World(database, log)
    await zombie.take()
    await owner.take()
    await owner.work()
    log.append(student("1", number="b"))
    await owner.work()
    await zombie.work(messages=log.partitions[0][:1])
    assert (await owner.document("1"))["attributes"]["number"] == "b"
    assert zombie.told == []
    assert (await owner.outcome(log.partitions[0][0]))[1:] == (1, 0, 0, 0)


async def test_a_unit_whose_partition_is_taken_away_tells_of_nothing_and_finishes_nothing(database: Database) -> None:
    world = World(database)
    world.log.append(student("1"))
    await world.take()
    working = asyncio.create_task(world.work())
    # By now it has asked the database, which takes longer to answer than this.
    for _ in range(3):
        await asyncio.sleep(0)
    await world.intake.revoked([("edurelay.records", 0)])
    await working
    assert (world.told, world.done[0]) == ([], set())


async def test_messages_of_a_partition_that_is_not_ours_are_left_alone(world: World) -> None:
    world.log.append(student("1"))
    await world.work()
    assert world.done[0] == set()


async def test_a_version_that_was_not_told_of_yet_is_told_of_by_whoever_replaces_it(database: Database) -> None:
    async def unavailable(messages: Sequence[Message]) -> None:
        raise KafkaUnavailable("gone")

    log = Log()
    log.append(student("1", number="first"), partition=0)
    log.append(student("1", number="second"), partition=1)
    cut_off, other = World(database, log, send_all=unavailable), World(database, log)
    await cut_off.take(0)
    with pytest.raises(KafkaUnavailable):
        await cut_off.work(0)
    await other.take(1)
    await other.work(1)
    assert versions(other.told) == [(1, "first"), (2, "second")]

    successor = World(database, log)
    await successor.take(0)
    await successor.work(0)
    assert successor.told == []
    assert await successor.outcome(log.partitions[0][0]) == (1, 1, 0, 0, 0)
    assert (await other.document("1"))["attributes"]["number"] == "second"


async def test_a_version_of_another_partition_that_was_told_of_is_not_told_of_again(world: World) -> None:
    await world.run(student("1", number="first"), partition=0)
    await world.run(student("1", number="second"), partition=1)
    await world.run(student("1", number="third"), partition=0)
    assert [(event.type, event.maybe_repeated) for event in world.events] == [
        ("student.created", False),
        ("student.updated", False),
        ("student.updated", False),
    ]


async def test_an_assigned_id_is_what_the_record_its_events_and_its_references_have(world: World) -> None:
    ada = Identity(TENANT, CONNECTION, "student", "1")
    await world.assignments.assign(ada, "chosen", {"why": "known"}, "2026-01-01T00:00:00.000Z")
    enrolment = {"external_id": "e", "attributes": {"role": "student", "student": "1"}}
    await world.run(enrolment, entity_type="enrollment")
    assert await world.run(student("1")) == (1, 1, 0, 0, 0)
    assert world.heard() == [("enrollment.created", "e", 1), ("student.created", "1", 1)]
    assert world.events[-1].subject == "chosen"
    assert (await world.document("e", "enrollment"))["attributes"]["student_id"] == "chosen"
    assert (await world.document("1"))["metadata"] == {"why": "known"}


async def test_a_record_whose_own_inside_id_was_given_to_another_is_rejected_and_stops_nobody(world: World) -> None:
    bob = Identity(TENANT, CONNECTION, "student", "2")
    ada = Identity(TENANT, CONNECTION, "student", "1")
    await world.assignments.assign(ada, bob.derived_id, {}, "2026-01-01T00:00:00.000Z")
    assert await world.run(student("2"), student("3")) == (2, 1, 0, 0, 1)
    [rejected] = await world.repository().rejected("run-1", 10, None)
    assert (rejected["external_id"], rejected["field"]) == ("2", "external_id")
