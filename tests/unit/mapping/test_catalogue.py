"""The event catalogue holds every type that the founding documents name, with the data that they document."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edurelay.events.catalogue import EVENT_TYPES, Happening, entity_event_type
from edurelay.model import EntityType

NAMED_BY_COURSE_MANAGEMENT = {
    "user.registered",
    "user.login",
    "module.created",
    "module.updated",
    "timetable.created",
    "timetable.updated",
    "note.uploaded",
    "lecturer.assigned",
    "grade.published",
    "system.error",
    "settings.updated",
    "test.reminder",
    "assignment.reminder",
    "custom.event",
    "urgent.notification",
}
NAMED_BY_SKILL_PASSPORT = {
    "student.created",
    "student.enrolled",
    "assessment.completed",
    "application.submitted",
    "application.stage.changed",
    "payment.completed",
    "course.completed",
}


def test_every_documented_type_is_declared_with_its_document() -> None:
    by_source = {
        source: {name for name, declared in EVENT_TYPES.items() if declared.source == source}
        for source in ("course-management.md", "skill-passport.md")
    }
    assert by_source == {
        "course-management.md": NAMED_BY_COURSE_MANAGEMENT,
        "skill-passport.md": NAMED_BY_SKILL_PASSPORT,
    }


@pytest.mark.parametrize("entity_type", EntityType)
@pytest.mark.parametrize("happening", Happening)
def test_every_kind_of_entity_can_be_created_updated_and_deleted(entity_type: EntityType, happening: Happening) -> None:
    declared = EVENT_TYPES[entity_event_type(entity_type, happening)]
    assert f"{entity_type}_id" in declared.data.model_fields


def test_each_type_is_filed_under_its_own_name_and_has_a_summary() -> None:
    assert all(declared.name == name and declared.summary.endswith(".") for name, declared in EVENT_TYPES.items())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "user.registered",
            {
                "userId": 123,
                "email": "student@example.com",
                "name": "John Doe",
                "studentId": "IT2024001",
                "registrationDate": "2024-01-15T10:30:00.000Z",
            },
        ),
        (
            "application.submitted",
            {"application_id": "test-uuid", "student_id": "test-student", "opportunity_id": "test-job"},
        ),
        ("student.created", {"student_id": "s", "name": "Ada", "email": "ada@example.org"}),
        ("student.enrolled", {"student_id": "s", "course_id": "c"}),
        ("assessment.completed", {"student_id": "s", "assessment_id": "a", "result_id": "r"}),
        ("application.stage.changed", {"application_id": "a", "old_stage": "new", "new_stage": "interview"}),
        ("payment.completed", {"payment_id": "p", "amount": 12.5, "student_id": "s"}),
        ("course.completed", {"student_id": "s", "course_id": "c", "certificate_url": "https://example.org/c"}),
    ],
)
def test_the_documented_data_of_a_type_fit_its_model(name: str, data: dict[str, object]) -> None:
    assert EVENT_TYPES[name].data.model_validate(data).model_dump(exclude_unset=True) == data


def test_the_documented_fields_of_student_created_are_required() -> None:
    with pytest.raises(ValidationError, match="email"):
        EVENT_TYPES["student.created"].data.model_validate({"student_id": "s", "name": "Ada"})


def test_every_model_has_a_json_schema_that_names_its_fields() -> None:
    schema = EVENT_TYPES["enrollment.updated"].data.model_json_schema()
    assert set(schema["required"]) == {
        "enrollment_id",
        "role",
        "connection_id",
        "external_id",
        "version",
        "changed",
        "attributes",
    }
    attributes = schema["$defs"]["EnrollmentAttributes"]["properties"]
    assert {"student_id", "student_external_id", "course_id", "course_external_id"} <= attributes.keys()
    assert "student" not in attributes
