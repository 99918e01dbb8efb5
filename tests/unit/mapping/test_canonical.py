"""What counts as a change of a record, and what cannot be kept."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.model import EntityType
from edurelay_mapping.canonical import MAX_BYTES, MAX_DEPTH, Unmappable, canonical, changed_fields, fingerprint

REFERENCES = {"course": EntityType.COURSE}

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
records = st.dictionaries(st.text(min_size=1).filter(lambda name: name not in REFERENCES), values, max_size=6)


def storable(record: dict[str, Any]) -> dict[str, Any]:
    """The record without NUL in its names, and as JSON can write it."""
    text = orjson.dumps(record, default=str).decode("utf-8").replace("\\u0000", "")
    loaded: dict[str, Any] = orjson.loads(text)
    return loaded


def resolve(kind: EntityType, external_id: str) -> str:
    return f"inside-{kind}-{external_id}"


def shuffled(value: Any) -> Any:
    """The same value with the keys of every object in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(records.map(lambda record: {k: v for k, v in record.items() if _writable(k, v)}))
def test_the_fingerprint_does_not_depend_on_the_order_of_keys(record: dict[str, Any]) -> None:
    record = storable(record)
    assert fingerprint("student", record) == fingerprint("student", shuffled(record))
    assert changed_fields(record, shuffled(record)) == []


@given(records, records)
def test_two_records_have_one_fingerprint_exactly_if_no_field_changed(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    one = {k: v for k, v in one.items() if _writable(k, v)}
    other = {k: v for k, v in other.items() if _writable(k, v)}
    same = fingerprint("student", one) == fingerprint("student", other)
    assert same == (changed_fields(one, other) == [])


def _writable(name: str, value: Any) -> bool:
    try:
        orjson.dumps({name: value})
    except orjson.JSONEncodeError:
        return False
    return True


def test_one_record_is_another_one_as_another_kind_of_entity() -> None:
    assert fingerprint("student", {"name": "Ada"}) != fingerprint("teacher", {"name": "Ada"})


def test_absent_null_and_an_empty_extra_say_the_same() -> None:
    assert canonical({"name": "Ada", "email": None, "extra": {}}, {}, resolve) == {"name": "Ada"}


def test_a_reference_is_there_with_both_of_its_ids() -> None:
    assert canonical({"course": "c1"}, REFERENCES, resolve) == {
        "course_id": "inside-course-c1",
        "course_external_id": "c1",
    }


def test_another_inside_id_of_what_is_referred_to_is_a_change() -> None:
    before = canonical({"course": "c1"}, REFERENCES, resolve)
    after = canonical({"course": "c1"}, REFERENCES, lambda kind, external_id: "assigned")
    assert fingerprint("group", before) != fingerprint("group", after)
    assert changed_fields(before, after) == ["course_id"]


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False), ("1", 1)])
def test_values_that_python_takes_for_equal_are_changes_all_the_same(before: object, after: object) -> None:
    assert changed_fields({"score": before}, {"score": after}) == ["score"]


def test_changed_fields_are_those_that_came_went_or_differ() -> None:
    assert changed_fields({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}) == ["a", "c", "d"]


def nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"extra": {"n": 2**63}}, "extra.n"),
        ({"extra": {"list": [1, -(2**63) - 1]}}, "extra.list[1]"),
        ({"n": 2**64}, "n"),
        ({"extra": {"a\0b": 1}}, "extra.a\\0b"),
        ({"a\0b": "text"}, "a\\0b"),
        ({"course": 7}, "course"),
        ({"extra": nested(MAX_DEPTH)}, None),
    ],
)
def test_what_the_database_cannot_hold_is_refused_by_the_path_of_the_field(
    attributes: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(Unmappable) as refusal:
        canonical(attributes, REFERENCES, resolve)
    assert field is None or refusal.value.field == field


def test_the_deepest_and_largest_values_that_are_taken_are_taken() -> None:
    attributes = {"extra": nested(MAX_DEPTH - 1), "least": -(2**63), "most": 2**63 - 1}
    assert canonical(attributes, {}, resolve) == attributes


def test_a_record_too_large_for_an_event_is_refused() -> None:
    with pytest.raises(Unmappable, match="bytes"):
        fingerprint("student", {"extra": {"essay": "x" * MAX_BYTES}})
