"""The canonical education entities: what every provider's records become inside Edurelay."""

from edurelay.model.entities import (
    Completion,
    Course,
    Enrollment,
    Entity,
    EntityType,
    Grade,
    Group,
    Organization,
    Reference,
    Student,
    Teacher,
    model_of,
)

__all__ = [
    "Completion",
    "Course",
    "Enrollment",
    "Entity",
    "EntityType",
    "Grade",
    "Group",
    "Organization",
    "Reference",
    "Student",
    "Teacher",
    "model_of",
]
