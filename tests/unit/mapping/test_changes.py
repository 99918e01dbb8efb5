"""What a record means for the document that stands for it."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay_mapping.changes import Outcome, Position, Verdict, earlier_after, judge, outcome

HERE = Position(log=1, partition=2, offset=10)
OLD, NEW = b"old", b"new"


def stored(position: Position | None = HERE, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"version": 3, "hash": OLD, "epoch": 5, **fields}
    if position is not None:
        document["position"] = position.document()
    return document


def at(offset: int, partition: int = 2, log: int = 1) -> Position:
    return Position(log, partition, offset)


def test_a_record_that_nothing_stands_for_is_new() -> None:
    assert judge(None, HERE, 5, NEW) is Verdict.NEW
    assert outcome(Verdict.NEW, None, HERE) is Outcome.CREATED


def test_a_later_batch_with_other_content_makes_the_next_version() -> None:
    assert judge(stored(), at(11), 5, NEW) is Verdict.CHANGED
    assert outcome(Verdict.CHANGED, stored(), at(11)) is Outcome.UPDATED


def test_a_later_batch_with_the_same_content_changes_nothing() -> None:
    assert judge(stored(), at(11), 5, OLD) is Verdict.UNCHANGED


@pytest.mark.parametrize("content", [OLD, NEW])
def test_the_batch_that_made_the_version_is_recognised_whatever_it_is_resolved_to_now(content: bytes) -> None:
    assert judge(stored(), HERE, 5, content) is Verdict.APPLIED


@pytest.mark.parametrize(("version", "counted"), [(1, Outcome.CREATED), (3, Outcome.UPDATED)])
def test_a_repeated_batch_is_counted_as_the_first_time(version: int, counted: Outcome) -> None:
    assert outcome(Verdict.APPLIED, stored(version=version), HERE) is counted


def test_a_batch_before_the_one_that_made_the_version_has_nothing_to_do() -> None:
    assert judge(stored(), at(9), 5, NEW) is Verdict.SURPASSED


def test_offsets_of_another_partition_say_nothing_about_age() -> None:
    assert judge(stored(), at(9, partition=3), 5, NEW) is Verdict.CHANGED


def test_everything_in_a_log_that_was_accepted_anew_is_later_than_everything_before() -> None:
    assert judge(stored(), at(0, log=2), 5, NEW) is Verdict.CHANGED
    assert judge(stored(at(0, log=2)), at(99, log=1), 5, NEW) is Verdict.SURPASSED


def test_a_record_read_under_a_lease_that_was_taken_over_changes_nothing() -> None:
    assert judge(stored(), at(11), 4, NEW) is Verdict.STALE
    assert outcome(Verdict.STALE, stored(), at(11)) is Outcome.UNCHANGED


def test_a_single_write_needs_no_lease_and_no_position() -> None:
    assert judge(stored(), None, 0, NEW) is Verdict.CHANGED
    assert judge(stored(), None, 0, OLD) is Verdict.UNCHANGED


def test_an_inside_id_that_is_reserved_for_another_record_is_taken() -> None:
    assert judge({"home": "elsewhere"}, HERE, 5, NEW) is Verdict.TAKEN
    assert outcome(Verdict.TAKEN, {"home": "elsewhere"}, HERE) is Outcome.REJECTED


def test_the_first_record_of_a_mapping_without_an_entity_creates_it() -> None:
    mapping = {"version": 0, "hash": b"", "epoch": 0}
    assert judge(mapping, HERE, 5, NEW) is Verdict.CHANGED
    assert outcome(Verdict.CHANGED, mapping, HERE) is Outcome.CREATED


@pytest.mark.parametrize("taken_over_by", [at(50, partition=4), None])
def test_a_batch_whose_version_another_writer_replaced_is_recognised_and_counted(
    taken_over_by: Position | None,
) -> None:
    earlier = earlier_after(stored(version=1), taken_over_by)
    document = stored(taken_over_by, version=2, earlier=earlier)
    assert judge(document, HERE, 5, NEW) is Verdict.SURPASSED
    assert outcome(Verdict.SURPASSED, document, HERE) is Outcome.CREATED
    assert judge(document, at(9), 5, NEW) is Verdict.SURPASSED
    assert judge(document, at(11), 5, NEW) is Verdict.CHANGED


def test_one_earlier_position_is_kept_for_each_partition() -> None:
    document = stored(at(10, partition=2), version=1)
    document["earlier"] = earlier_after(document, at(5, partition=3))
    document |= {"position": at(5, partition=3).document(), "version": 2}
    document["earlier"] = earlier_after(document, at(11, partition=2))
    assert document["earlier"] == [{**at(5, partition=3).document(), "version": 2}]


def test_a_partition_that_goes_on_by_itself_keeps_no_earlier_position() -> None:
    assert earlier_after(stored(), at(11)) == []


def test_two_single_writes_in_a_row_keep_what_was_there_before_them() -> None:
    once = earlier_after(stored(), None)
    assert earlier_after(stored(None, earlier=once), None) == once == [{**HERE.document(), "version": 3}]
