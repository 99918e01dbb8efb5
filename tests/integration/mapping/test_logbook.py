"""A records topic that is not the one that was worked off is noticed, said, and gone on with by a command."""

from __future__ import annotations

import pytest

from edurelay.events.topics import RECORDS
from edurelay.mongo import Database
from edurelay_mapping.logbook import ACCEPT_COMMAND, Logbook, LogRefused
from integration.mapping.world import Log, World, student


async def worked_off(database: Database) -> World:
    """A service that has worked off two batches of partition 0."""
    world = World(database)
    world.log.append(student("1", number="a"))
    world.log.append(student("1", number="b"))
    await world.take()
    await world.work()
    return world


def other_log(*numbers: str) -> Log:
    """A log whose batches are of another run."""
    log = Log()
    for number in numbers:
        log.append(student("1", number=number), run_id="after")
    return log


async def refusal_of(world: World, partition: int = 0) -> LogRefused:
    await world.take(partition)
    with pytest.raises(LogRefused) as refusal:
        await world.work(partition)
    with pytest.raises(LogRefused):
        await world.intake.check()
    assert ACCEPT_COMMAND in str(refusal.value)
    return refusal.value


async def test_the_same_log_is_gone_on_with_from_any_offset(database: Database) -> None:
    before = await worked_off(database)
    world = World(database, before.log)
    before.log.append(student("1", number="c"))
    await world.take()
    await world.work()
    await world.intake.check()
    assert world.heard() == [("student.updated", "1", 3)]


@pytest.mark.parametrize("numbers", [(), ("c",), ("c", "d"), ("c", "d", "e")])
async def test_a_topic_that_was_created_again_is_refused_however_far_it_has_grown(
    database: Database, numbers: tuple[str, ...]
) -> None:
    await worked_off(database)
    world = World(database, other_log(*numbers))
    world.log.partitions.setdefault(0, [])
    if numbers:
        await refusal_of(world)
    else:
        await world.take()
        with pytest.raises(LogRefused):
            await world.intake.check()
    assert (await world.document("1"))["attributes"]["number"] == "b"


async def test_after_the_command_what_the_new_topic_holds_counts_as_newer(database: Database) -> None:
    await worked_off(database)
    world = World(database, other_log("c", "b"))
    await refusal_of(world)
    assert await world.logbook.accept() == 2
    await world.work()
    await world.intake.check()
    assert world.heard() == [("student.updated", "1", 3), ("student.updated", "1", 4)]


async def test_the_command_also_frees_a_replica_that_did_not_get_it(database: Database) -> None:
    await worked_off(database)
    world = World(database, other_log("c"))
    await refusal_of(world)
    await World(database).logbook.accept()
    await world.intake.check()
    await world.work()
    assert world.heard() == [("student.updated", "1", 3)]


async def test_messages_that_were_deleted_by_age_are_no_reason_to_refuse(database: Database) -> None:
    before = await worked_off(database)

    class Aged(Log):
        async def read_one(self, topic: object, partition: int, offset: int) -> None:
            return None

    world = World(database, Aged(before.log.partitions, before.log.batches))
    world.log.append(student("1", number="c"))
    world.done[0] = {0, 1}
    await world.take()
    await world.work()
    assert world.heard() == [("student.updated", "1", 3)]


async def test_a_log_that_begins_anew_under_a_running_service_is_refused(database: Database) -> None:
    world = await worked_off(database)
    world.log.partitions[0] = other_log("c").partitions[0]
    with pytest.raises(LogRefused):
        await world.work(messages=world.log.partitions[0])
    assert (await world.document("1"))["attributes"]["number"] == "b"


async def test_messages_that_come_a_second_time_in_the_same_log_are_recognised(database: Database) -> None:
    world = await worked_off(database)
    await world.work(messages=world.log.partitions[0])
    assert world.heard() == [("student.created", "1", 1), ("student.updated", "1", 2)]


async def test_a_partition_that_was_added_is_refused_until_the_command_says_that_it_is_right(
    database: Database,
) -> None:
    world = await worked_off(database)
    added = RECORDS.partitions
    world.log.append(student("2"), partition=added)
    await refusal_of(world, added)
    await world.logbook.accept()
    await world.work(added)
    assert world.heard()[-1] == ("student.created", "2", 1)


async def test_another_declared_number_of_partitions_is_refused_until_it_is_accepted(database: Database) -> None:
    world = await worked_off(database)
    grown = Logbook(database, world.log, declared=RECORDS.partitions + 2)
    with pytest.raises(LogRefused, match="partitions"):
        await grown.check(world.log.assignment(0))
    await grown.accept()
    assert await grown.check(world.log.assignment(0)) == 2
