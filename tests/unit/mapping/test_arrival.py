"""A batch out of the log: checked, so that one bad record stops no other."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from edurelay.messages.base import MalformedMessage
from edurelay_mapping.arrival import Arrival, read
from edurelay_mapping.changes import Outcome, Position

POSITION = Position(1, 0, 0)
BATCH: dict[str, Any] = {
    "run_id": "run-1",
    "epoch": 1,
    "sequence": 1,
    "tenant": "acme",
    "connection_id": "moodle",
    "stream": "students",
    "entity_type": "student",
    "read_at": "2026-01-15T10:30:00.000Z",
    "records": [],
    "rejected": [],
}


def arrived(*records: Any, **fields: Any) -> Arrival:
    return read(orjson.dumps({**BATCH, "records": records, **fields}), POSITION, None)


def record(external_id: Any, **attributes: Any) -> dict[str, Any]:
    return {"external_id": external_id, "attributes": attributes}


def test_the_last_of_several_records_under_one_id_counts_and_the_others_are_unchanged() -> None:
    arrival = arrived(record("1", name="old"), record("2", name="b"), record("1", name="new"))
    assert arrival.usable == {"1": {"name": "new"}, "2": {"name": "b"}}
    assert arrival.counts[Outcome.UNCHANGED] == 1


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (record(7, name="a"), "external_id"),
        (record("", name="a"), "external_id"),
        (record("x" * 257, name="a"), "external_id"),
        ({"external_id": "1"}, "attributes"),
        ({"external_id": "1", "attributes": []}, "attributes"),
        ("no record", "attributes"),
        (None, "attributes"),
    ],
)
def test_a_record_that_cannot_be_used_is_rejected_as_it_came_and_its_neighbours_go_on(bad: Any, field: str) -> None:
    arrival = arrived(record("1", name="a"), bad, record("2", name="b"))
    assert list(arrival.usable) == ["1", "2"]
    assert [(each["field"], each["raw"]) for each in arrival.rejected] == [(field, bad)]
    assert arrival.source == 3


def test_records_of_an_unknown_kind_are_rejected_one_by_one() -> None:
    arrival = arrived(record("1"), record("2"), entity_type="dragon")
    assert arrival.usable == {}
    assert [each["external_id"] for each in arrival.rejected] == ["1", "2"]


def test_what_the_runner_rejected_comes_first_and_is_counted() -> None:
    arrival = arrived(record(0), rejected=[{"reason": "no name", "line": 17}])
    assert [each["reason"] for each in arrival.rejected] == ["no name", "an external id is text of 1 to 256 characters"]
    assert arrival.counts[Outcome.REJECTED] == arrival.source == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": 1},
        {"tenant": ""},
        {"connection_id": "a/b"},
        {"epoch": "1"},
        {"sequence": True},
        {"records": {}},
        {"rejected": [{}]},
        {"rejected": ["text"]},
        {"read_at": "yesterday"},
        {"entity_type": None},
    ],
)
def test_a_message_without_the_outline_of_a_batch_is_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        read(orjson.dumps({**BATCH, **fields}), POSITION, None)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"tenant": "acme"}', b"\xff"])
def test_a_message_that_is_no_batch_is_malformed(value: bytes | None) -> None:
    with pytest.raises(MalformedMessage):
        read(value, POSITION, None)
