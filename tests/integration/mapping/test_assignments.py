"""Chosen inside ids are one to one, whoever comes first and whatever breaks off."""

from __future__ import annotations

import asyncio

import pytest

from edurelay.mongo import Database
from edurelay_mapping import store
from edurelay_mapping.assignments import Assignments, MappingConflict
from edurelay_mapping.identity import Identity
from integration.mapping.world import CONNECTION, TENANT, World, student

MOMENT = "2026-01-01T00:00:00.000Z"


def identity(external_id: str) -> Identity:
    return Identity(TENANT, CONNECTION, "student", external_id)


@pytest.fixture
def assignments(database: Database) -> Assignments:
    return Assignments(database)


async def test_an_external_id_is_mapped_once(assignments: Assignments) -> None:
    await assignments.assign(identity("1"), "chosen", {}, MOMENT)
    for inside_id in ("chosen", "another", identity("1").derived_id):
        with pytest.raises(MappingConflict) as conflict:
            await assignments.assign(identity("1"), inside_id, {}, MOMENT)
        assert conflict.value.field == "external_id"


async def test_an_internal_id_is_mapped_once_in_a_connection(assignments: Assignments) -> None:
    await assignments.assign(identity("1"), "chosen", {}, MOMENT)
    with pytest.raises(MappingConflict) as conflict:
        await assignments.assign(identity("2"), "chosen", {}, MOMENT)
    assert conflict.value.field == "internal_id"


async def test_the_id_of_a_record_that_is_there_cannot_be_given_to_another(world: World) -> None:
    await world.run(student("1"))
    with pytest.raises(MappingConflict) as conflict:
        await world.assignments.assign(identity("2"), identity("1").derived_id, {}, MOMENT)
    assert conflict.value.field == "internal_id"


async def test_one_inside_id_may_stand_for_a_record_of_each_connection(assignments: Assignments) -> None:
    await assignments.assign(identity("1"), "chosen", {}, MOMENT)
    other = Identity(TENANT, "other", "student", "7")
    assert (await assignments.assign(other, "chosen", {}, MOMENT))["internal_id"] == "chosen"


async def test_of_many_that_want_one_id_one_gets_it(database: Database, assignments: Assignments) -> None:
    wishes = [assignments.assign(identity(str(n)), "chosen", {}, MOMENT) for n in range(8)]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(not isinstance(answer, MappingConflict) for answer in answers) == 1
    assert await database[store.ENTITIES].count_documents({"internal_id": "chosen"}) == 1


async def test_of_many_ids_for_one_record_it_gets_one(database: Database, assignments: Assignments) -> None:
    wishes = [assignments.assign(identity("1"), f"chosen-{n}", {}, MOMENT) for n in range(8)]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    [granted] = [answer["internal_id"] for answer in answers if not isinstance(answer, BaseException)]
    listed = await assignments.among([(identity("1").place, {"1": {}})])
    assert listed == {identity("1").home: granted}
    reservations = await database[store.ENTITIES].find({"home": identity("1").home}).to_list(None)
    assert [each["_id"].rsplit("/", 1)[1] for each in reservations] == [granted]


async def test_what_a_crash_left_half_done_is_ended_by_the_next_call(
    database: Database, assignments: Assignments
) -> None:
    await assignments.assign(identity("1"), "chosen", {}, MOMENT)
    await database[store.ENTITIES].delete_one({"_id": identity("1").home})
    with pytest.raises(MappingConflict):
        await assignments.assign(identity("2"), "chosen", {}, MOMENT)
    assert (await assignments.assign(identity("1"), "chosen", {}, MOMENT))["internal_id"] == "chosen"


async def test_a_record_that_comes_in_the_middle_of_an_assignment_gets_the_assigned_id(world: World) -> None:
    await world.assignments.assign(identity("1"), "chosen", {}, MOMENT)
    await world.database[store.ENTITIES].delete_one({"_id": identity("1").home})
    await world.run(student("1"))
    assert (await world.document("1"))["internal_id"] == "chosen"


async def test_a_conflict_leaves_nothing_reserved(world: World) -> None:
    await world.run(student("1"))
    with pytest.raises(MappingConflict):
        await world.assignments.assign(identity("1"), "chosen", {}, MOMENT)
    assert (await world.assignments.assign(identity("2"), "chosen", {}, MOMENT))["internal_id"] == "chosen"
