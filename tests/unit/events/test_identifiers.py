"""Which members of an event's data are ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.catalogue import EVENT_TYPES
from edurelay.events.identifiers import entity_ids, kind_of, only_ids
from edurelay.model import EntityType, model_of

ENROLLMENT = {
    "enrollment_id": "e1",
    "role": "student",
    "connection_id": "con_1",
    "external_id": "77",
    "version": 2,
    "changed": ["active"],
    "attributes": {
        "active": True,
        "student_id": "s1",
        "student_external_id": "9",
        "course_id": "c1",
        "group_id": None,
        "extra": {"student_id": "deep"},
    },
}


def found(event_type: str, data: dict[str, Any]) -> dict[str, tuple[EntityType, Any]]:
    return {each.path: (each.kind, each.value) for each in entity_ids(event_type, data)}


def test_the_ids_of_an_entity_event_are_its_own_and_those_that_it_refers_to() -> None:
    assert found("enrollment.updated", ENROLLMENT) == {
        "enrollment_id": (EntityType.ENROLLMENT, "e1"),
        "attributes.student_id": (EntityType.STUDENT, "s1"),
        "attributes.course_id": (EntityType.COURSE, "c1"),
    }


def test_a_reference_with_a_name_of_its_own_belongs_to_its_kind_alone() -> None:
    data = {"organization_id": "o1", "attributes": {"parent_id": "o2"}}
    assert found("organization.updated", data)["attributes.parent_id"] == (EntityType.ORGANIZATION, "o2")
    assert "attributes.parent_id" not in found("course.updated", data)


def test_published_events_have_the_ids_of_entities_too_as_either_document_spells_them() -> None:
    assert found("payment.completed", {"payment_id": "p", "student_id": "s", "studentId": "t", "amount": 3}) == {
        "student_id": (EntityType.STUDENT, "s"),
        "studentId": (EntityType.STUDENT, "t"),
    }


@pytest.mark.parametrize("kind", EntityType)
def test_every_reference_of_every_kind_is_known(kind: EntityType) -> None:
    model = model_of(kind)
    data = {f"{kind}_id": "self", "attributes": {f"{name}_id": name for name in model.references}}
    ids = found(f"{kind}.created", data)
    assert ids.pop(f"{kind}_id") == (kind, "self")
    assert ids == {f"attributes.{name}_id": (target, name) for name, target in model.references.items()}


def test_a_thin_entity_event_keeps_its_ids_where_they_stand() -> None:
    assert only_ids("enrollment.updated", ENROLLMENT) == {
        "enrollment_id": "e1",
        "attributes": {"student_id": "s1", "course_id": "c1"},
    }


@pytest.mark.parametrize(
    ("event_type", "thin"),
    [
        ("payment.completed", {"payment_id": "p", "student_id": 7}),
        ("application.submitted", {"application_id": "a", "opportunity_id": "o", "student_id": 7}),
        ("user.registered", {"userId": 5, "student_id": 7}),
        ("something.else", {"student_id": 7}),
    ],
)
def test_a_thin_published_event_keeps_what_the_catalogue_declares_and_the_ids_of_entities(
    event_type: str, thin: dict[str, Any]
) -> None:
    data = {
        "payment_id": "p",
        "application_id": "a",
        "opportunity_id": "o",
        "userId": 5,
        "student_id": 7,
        "national_id": "4711",
        "name": "Ana",
        "course_id": {"name": "not an id"},
    }
    assert only_ids(event_type, data) == thin


def test_the_kind_of_an_event_is_what_its_type_begins_with() -> None:
    assert kind_of("student.enrolled") is EntityType.STUDENT
    assert kind_of("students.enrolled") is None


NAMES = st.sampled_from(["student_id", "studentId", "parent_id", "name", "attributes", "email", "external_id"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(EVENT_TYPES)), JSON)
def test_thin_is_made_of_ids_alone_and_made_once(event_type: str, data: Any) -> None:
    thin = only_ids(event_type, data)
    for name, value in {**thin, **thin.get("attributes", {})}.items():
        assert name == "attributes" or (name.endswith(("_id", "Id")) and isinstance(value, str | int))
    assert not {"name", "email", "external_id"} & {*thin, *thin.get("attributes", {})}
    assert only_ids(event_type, thin) == thin
