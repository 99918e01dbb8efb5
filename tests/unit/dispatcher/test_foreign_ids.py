"""A body in the ids of another system."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from edurelay.model import EntityType
from edurelay_webhook_dispatcher.foreign_ids import OurId, ids_in, with_foreign_ids

BODY: dict[str, Any] = {
    "id": "evt_1",
    "event": "enrollment.created",
    "timestamp": "2026-01-15T10:30:00.000Z",
    "data": {
        "enrollment_id": "e1",
        "role": "student",
        "attributes": {"student_id": "s1", "course_id": "c1", "teacher_id": None, "name": "s1"},
    },
}
KNOWN: dict[OurId, str] = {
    (EntityType.ENROLLMENT, "e1"): "77",
    (EntityType.STUDENT, "s1"): "9",
    (EntityType.COURSE, "c1"): "MAT-1",
}


def told(body: dict[str, Any], foreign: dict[OurId, str]) -> Any:
    return orjson.loads(with_foreign_ids(body, "enrollment.created", foreign))


def test_all_ids_of_a_body_are_asked_for_once() -> None:
    assert ids_in(BODY, "enrollment.created") == set(KNOWN)


def test_each_id_is_replaced_and_nothing_else() -> None:
    body = told(BODY, KNOWN)
    assert body["data"] == {
        "enrollment_id": "77",
        "role": "student",
        "attributes": {"student_id": "9", "course_id": "MAT-1", "teacher_id": None, "name": "s1"},
    }
    assert {name: value for name, value in body.items() if name != "data"} == {
        name: value for name, value in BODY.items() if name != "data"
    }


def test_what_has_no_id_there_is_null_and_told_of() -> None:
    body = told(BODY, {(EntityType.STUDENT, "s1"): "9"})
    assert body["data"]["attributes"] == {"student_id": "9", "course_id": None, "teacher_id": None, "name": "s1"}
    assert body["data"]["missing_ids"] == [
        {"path": "data.attributes.course_id", "type": "course", "id": "c1"},
        {"path": "data.enrollment_id", "type": "enrollment", "id": "e1"},
    ]


def test_the_subject_is_an_id_of_what_the_type_begins_with() -> None:
    body = told({**BODY, "subject": "e1"}, KNOWN)
    assert body["subject"] == "77"
    body = told({**BODY, "subject": "e2"}, KNOWN)
    assert body["subject"] is None
    assert body["data"]["missing_ids"] == [{"path": "subject", "type": "enrollment", "id": "e2"}]
    assert orjson.loads(with_foreign_ids({"subject": "x", "data": {}}, "payment.completed", {}))["subject"] == "x"


def test_what_is_no_text_is_no_id_of_ours() -> None:
    body = {"data": {"student_id": 5, "course_id": ["c1"]}}
    assert ids_in(body, "payment.completed") == set()
    assert told(body, KNOWN)["data"]["student_id"] is None
    assert [each["id"] for each in told(body, KNOWN)["data"]["missing_ids"]] == [["c1"], 5]


@given(st.sets(st.sampled_from(sorted(KNOWN))))
def test_no_id_of_ours_is_left_but_among_the_missing(known: set[OurId]) -> None:
    body = told(BODY, {each: KNOWN[each] for each in known})
    missing = {(EntityType(each["type"]), each["id"]) for each in body["data"].get("missing_ids", [])}
    assert missing == set(KNOWN) - known


@given(
    st.recursive(
        st.none() | st.text(max_size=2),
        lambda b: st.lists(b) | st.dictionaries(st.sampled_from(["student_id", "attributes", "course_id", "x"]), b),
        max_leaves=8,
    )
)
def test_whatever_the_data_it_stays_what_it_is(data: Any) -> None:
    assert type(told({"data": data}, KNOWN)["data"]) is type(data)
