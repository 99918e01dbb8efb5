"""Batches are worked on together as far as no outside id comes twice."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from edurelay_mapping.arrival import Arrival, read
from edurelay_mapping.changes import Outcome, Position
from edurelay_mapping.identity import Identity
from edurelay_mapping.unit import RECORDS, homes, prepare, units


def arrival(
    offset: int, ids: list[str], *, connection: str = "moodle", kind: str = "student", **attributes: Any
) -> Arrival:
    batch = {
        "run_id": "run-1",
        "epoch": 1,
        "sequence": offset + 1,
        "tenant": "acme",
        "connection_id": connection,
        "stream": "stream",
        "entity_type": kind,
        "read_at": "2026-01-15T10:30:00.000Z",
        "records": [{"external_id": each, "attributes": {"name": each, **attributes}} for each in ids],
        "rejected": [],
    }
    return read(orjson.dumps(batch), Position(1, 0, offset), None)


def offsets(arrivals: list[Arrival]) -> list[list[int]]:
    return [[each.position.offset for each in unit] for unit in units(arrivals)]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=8))
def test_units_keep_the_order_lose_nothing_and_hold_no_id_twice(batches: list[list[str]]) -> None:
    arrivals = [arrival(offset, ids) for offset, ids in enumerate(batches)]
    cut = list(units(arrivals))
    assert [each for unit in cut for each in unit] == arrivals
    for unit in cut:
        ids = [external_id for each in unit for external_id in each.usable]
        assert len(ids) == len(set(ids))


def test_one_id_of_two_connections_or_kinds_is_two_records() -> None:
    arrivals = [arrival(0, ["1"]), arrival(1, ["1"], connection="other"), arrival(2, ["1"], kind="teacher")]
    assert offsets(arrivals) == [[0, 1, 2]]


def test_a_unit_is_bounded_but_a_batch_is_never_cut() -> None:
    many = [str(number) for number in range(RECORDS + 1)]
    assert offsets([arrival(0, ["a"]), arrival(1, many), arrival(2, ["b"])]) == [[0], [1], [2]]


def test_references_resolve_to_what_follows_from_their_id_or_to_what_was_assigned() -> None:
    enrolment = arrival(0, ["e"], kind="enrollment", student="s", course="c")
    del enrolment.usable["e"]["name"]
    student, course = Identity("acme", "moodle", "student", "s"), Identity("acme", "moodle", "course", "c")
    [item] = prepare(enrolment, {course.home: "assigned"})
    assert item.version.attributes == {
        "student_id": student.derived_id,
        "student_external_id": "s",
        "course_id": "assigned",
        "course_external_id": "c",
    }


def test_a_record_with_an_assigned_id_is_kept_under_its_own_key_and_has_that_id() -> None:
    ada = Identity("acme", "moodle", "student", "1")
    [item] = prepare(arrival(0, ["1"]), {ada.home: "assigned"})
    assert (item.home, item.inside_id) == (ada.home, "assigned")


def test_a_record_that_cannot_be_kept_is_rejected_and_its_neighbours_go_on() -> None:
    batch = arrival(0, ["1", "2"])
    batch.usable["1"]["extra"] = {"n": 2**63}
    assert [item.identity.external_id for item in prepare(batch, {})] == ["2"]
    assert [(each["external_id"], each["field"]) for each in batch.rejected] == [("1", "extra.n")]
    assert batch.counts[Outcome.REJECTED] == 1


def test_the_keys_that_are_looked_up_are_those_of_the_records() -> None:
    batch = arrival(0, ["1", "2"])
    assert homes([batch]) == [item.home for item in prepare(batch, {})]
