"""Records become documents and events: every real change one event, everything else none, and every record counted."""

from __future__ import annotations

import orjson

from edurelay_mapping import store
from edurelay_mapping.identity import Identity
from integration.mapping.world import CONNECTION, TENANT, TRACE, World, student


async def test_new_records_are_created_each_with_one_event(world: World) -> None:
    assert await world.run(student("1"), student("2")) == (2, 2, 0, 0, 0)
    assert world.heard() == [("student.created", "1", 1), ("student.created", "2", 1)]


async def test_records_that_are_as_they_were_make_no_event_and_no_version(world: World) -> None:
    await world.run(student("1"), student("2"))
    before = await world.document("1")
    assert await world.run(student("1"), student("2"), run_id="run-2") == (2, 0, 0, 2, 0)
    assert len(world.told) == 2
    assert await world.document("1") == before


async def test_a_record_that_changed_is_one_version_and_one_event_that_says_what_changed(world: World) -> None:
    await world.run(student("1", email="old@example.org"), student("2"))
    assert await world.run(student("1", email="new@example.org"), student("2")) == (2, 0, 1, 1, 0)
    assert world.heard()[2:] == [("student.updated", "1", 2)]
    assert orjson.loads(world.events[-1].data)["changed"] == ["email"]
    assert (await world.document("1"))["attributes"]["email"] == "new@example.org"


async def test_the_order_of_a_records_fields_is_no_change(world: World) -> None:
    await world.run(student("1", email="a@example.org", extra={"a": 1, "b": 2}))
    turned = {"extra": {"b": 2, "a": 1}, "email": "a@example.org", "name": "Student 1"}
    assert await world.run({"external_id": "1", "attributes": turned}) == (1, 0, 0, 1, 0)


async def test_the_last_of_several_records_under_one_id_in_a_batch_wins(world: World) -> None:
    assert await world.run(student("1", number="first"), student("1", number="last")) == (2, 1, 0, 1, 0)
    assert world.heard() == [("student.created", "1", 1)]
    assert (await world.document("1"))["attributes"]["number"] == "last"


async def test_changes_in_consecutive_batches_are_versions_of_their_own_even_when_handed_over_together(
    world: World,
) -> None:
    for number in ("a", "b", "b", "c"):
        world.log.append(student("1", number=number))
    await world.take()
    await world.work()
    assert world.heard() == [("student.created", "1", 1), ("student.updated", "1", 2), ("student.updated", "1", 3)]
    assert world.done[0] == {0, 1, 2, 3}


async def test_a_record_may_come_before_what_it_refers_to(world: World) -> None:
    enrolment = {"external_id": "e", "attributes": {"role": "student", "student": "1", "course": "c"}}
    await world.run(enrolment, entity_type="enrollment", stream="enrolments")
    await world.run(student("1"))
    assert (await world.document("e", "enrollment"))["attributes"] == {
        "role": "student",
        "student_id": (await world.document("1"))["internal_id"],
        "student_external_id": "1",
        "course_id": Identity(TENANT, CONNECTION, "course", "c").derived_id,
        "course_external_id": "c",
    }


async def test_the_same_id_in_another_connection_or_tenant_is_another_record(world: World) -> None:
    assert await world.run(student("1")) == (1, 1, 0, 0, 0)
    assert await world.run(student("1"), connection_id="other") == (1, 1, 0, 0, 0)
    assert await world.run(student("1"), tenant="rival") == (1, 1, 0, 0, 0)
    assert len({event.subject for event in world.events}) == 3


async def test_a_batch_read_under_a_lease_that_was_taken_over_changes_nothing(world: World) -> None:
    await world.run(student("1", number="new"), epoch=7)
    assert await world.run(student("1", number="stale"), epoch=6) == (1, 0, 0, 1, 0)
    assert (await world.document("1"))["attributes"]["number"] == "new"


async def test_what_a_killed_runner_sent_and_its_successor_sends_again_is_unchanged(world: World) -> None:
    await world.run(student("1"), epoch=1, sequence=5)
    assert await world.run(student("1"), epoch=2, sequence=1) == (1, 0, 0, 1, 0)


async def test_a_batch_that_was_sent_twice_counts_once_and_changes_nothing_the_second_time(world: World) -> None:
    first = await world.run(student("1", number="a"), sequence=50)
    await world.run(student("1", number="b"), sequence=51)
    assert await world.run(student("1", number="a"), sequence=50) == first
    assert world.heard()[-1] == ("student.updated", "1", 2)


async def test_bad_records_are_kept_with_their_reason_and_stop_nobody(world: World) -> None:
    runner_rejected = {"reason": "no name", "where": "students.csv:17", "line": 17, "column": 3, "raw": {"id": 2**70}}
    bad = [student("2", extra={"n": 2**63}), {"external_id": 3, "attributes": {}}, student("4", extra={"a\0": 1})]
    rejected = [{**runner_rejected, "raw": {"a\0": "\0"}}]
    assert await world.run(student("1"), *bad, student("5"), rejected=rejected) == (6, 2, 0, 0, 4)
    kept = await world.repository().rejected("run-1", 100, None)
    assert [(each["reason"], each["field"], each["line"]) for each in kept] == [
        ("no name", None, 17),
        ("an external id is text of 1 to 256 characters", "external_id", None),
        ("the number does not fit into 64 bits", "extra.n", None),
        ("a field's name holds a NUL", "extra.a\\0", None),
    ]
    assert orjson.loads(kept[0]["raw"]) == {"a\0": "\0"}
    assert orjson.loads(kept[2]["raw"])["external_id"] == "2"


async def test_field_names_that_mean_something_to_the_database_are_only_names(world: World) -> None:
    extra = {"$set": {"a.b": 1}, "": "empty", "a.b": [{"$ne": None}]}
    await world.run(student("1", extra=extra))
    await world.run(student("1", extra={**extra, "more": 1}))
    assert (await world.document("1"))["attributes"]["extra"] == {**extra, "more": 1}


async def test_records_of_an_unknown_kind_are_rejected_and_counted(world: World) -> None:
    assert await world.run(student("1"), student("2"), entity_type="dragon") == (2, 0, 0, 0, 2)


async def test_what_is_no_batch_becomes_a_dead_letter_and_its_neighbours_go_on(world: World) -> None:
    world.log.append(student("1"))
    world.log.append_raw(b"{")
    world.log.append(student("2"))
    await world.take()
    await world.work()
    assert [message.value for message in world.dead] == [b"{"]
    assert [external_id for _, external_id, _ in world.heard()] == ["1", "2"]
    assert world.done[0] == {0, 1, 2}


async def test_events_carry_the_trace_and_the_time_of_their_batch(world: World) -> None:
    await world.run(student("1"))
    assert world.events[0].traceparent == TRACE
    assert world.events[0].time == "2026-01-15T10:30:00.001Z"
    assert not world.events[0].maybe_repeated


async def test_the_document_says_which_runs_made_and_changed_it(world: World) -> None:
    await world.run(student("1", number="a"), run_id="first")
    await world.run(student("1", number="a"), run_id="second")
    await world.run(student("1", number="b"), run_id="third")
    document = await world.document("1")
    assert (document["created_run"], document["changed_run"], document["version"]) == ("first", "third", 2)


async def test_nothing_is_in_the_documents_that_was_never_sent(world: World) -> None:
    await world.run()
    assert await world.database[store.ENTITIES].count_documents({}) == 0
