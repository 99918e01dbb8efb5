"""The canonical entities, field by field.

A field that points to another entity is a `Reference`: outside it is the provider's id of that entity, and the
mapping service puts the inside id beside it (`student` becomes `student_id` and stays as `student_external_id`).
Everything that a provider has and the model has not goes into `extra`, so that nothing is silently dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class EntityType(StrEnum):
    """The kinds of entity, in the order in which references point: a kind refers only to kinds before it."""

    ORGANIZATION = "organization"
    COURSE = "course"
    GROUP = "group"
    TEACHER = "teacher"
    STUDENT = "student"
    ENROLLMENT = "enrollment"
    GRADE = "grade"
    COMPLETION = "completion"


#: The provider's id of another record: never empty, at most 256 characters, no control characters.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, StringConstraints(max_length=16_384)]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?$")]


class Entity(BaseModel):
    """What all entities share. `references` names the reference fields and the kind each points to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ClassVar[EntityType]
    references: ClassVar[dict[str, EntityType]] = {}
    #: The fields that the founding documents put at the top of this kind's event data.
    headline: ClassVar[tuple[str, ...]] = ()

    extra: dict[str, Any] = Field(default_factory=dict, description="What the provider has and the model has not.")


class Organization(Entity):
    """A school, a district, a department."""

    type = EntityType.ORGANIZATION
    references = {"parent": EntityType.ORGANIZATION}
    headline = ("name",)

    name: Text
    code: Text | None = None
    parent: Reference | None = None


class Course(Entity):
    """Something that is taught."""

    type = EntityType.COURSE
    references = {"organization": EntityType.ORGANIZATION}
    headline = ("name", "code")

    name: Text
    code: Text | None = None
    description: Text | None = None
    active: bool = True
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    organization: Reference | None = None


class Group(Entity):
    """A class: people who are taught together, usually within a course."""

    type = EntityType.GROUP
    references = {"course": EntityType.COURSE, "organization": EntityType.ORGANIZATION}
    headline = ("name",)

    name: Text
    code: Text | None = None
    description: Text | None = None
    active: bool = True
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    course: Reference | None = None
    organization: Reference | None = None


class Person(Entity):
    """What students and teachers share."""

    references = {"organization": EntityType.ORGANIZATION}
    headline = ("name", "email")

    name: Text
    given_name: Text | None = None
    family_name: Text | None = None
    email: Text | None = None
    username: Text | None = None
    number: Text | None = Field(default=None, description="The person's number in the school's own records.")
    active: bool = True
    organization: Reference | None = None


class Teacher(Person):
    """A person who teaches."""

    type = EntityType.TEACHER


class Student(Person):
    """A person who learns."""

    type = EntityType.STUDENT


class Enrollment(Entity):
    """A person's place in a course, in a group, or in both."""

    type = EntityType.ENROLLMENT
    references = {
        "student": EntityType.STUDENT,
        "teacher": EntityType.TEACHER,
        "course": EntityType.COURSE,
        "group": EntityType.GROUP,
    }
    headline = ("role",)

    role: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "student"
    active: bool = True
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    student: Reference | None = None
    teacher: Reference | None = None
    course: Reference | None = None
    group: Reference | None = None


class Grade(Entity):
    """A student's result in one graded item of a course, or in the course as a whole."""

    type = EntityType.GRADE
    references = {"student": EntityType.STUDENT, "course": EntityType.COURSE}
    headline = ("item", "score")

    item: Text
    score: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    graded_at: Moment | None = None
    student: Reference
    course: Reference | None = None


class Completion(Entity):
    """How far a student has come with an activity, or with a course."""

    type = EntityType.COMPLETION
    references = {"student": EntityType.STUDENT, "course": EntityType.COURSE}
    headline = ("item", "state")

    item: Text
    state: Annotated[str, StringConstraints(pattern=r"^(incomplete|complete|passed|failed)$")]
    completed_at: Moment | None = None
    student: Reference
    course: Reference | None = None


_MODELS: dict[EntityType, type[Entity]] = {
    model.type: model for model in (Organization, Course, Group, Teacher, Student, Enrollment, Grade, Completion)
}


def model_of(entity_type: EntityType) -> type[Entity]:
    """Return the model of one kind of entity."""
    return _MODELS[entity_type]
