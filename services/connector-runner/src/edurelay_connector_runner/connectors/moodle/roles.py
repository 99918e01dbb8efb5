"""Which of a person's roles in a course make them a student or a teacher. Pure."""

from __future__ import annotations

from typing import Any

from edurelay_connector_runner.connectors.moodle.config import MoodleConfig


def role_names(person: dict[str, Any]) -> list[str]:
    """Return the short names of the roles in a row of a course's people, ordered."""
    roles = person.get("roles")
    if not isinstance(roles, list):
        return []
    names = {role.get("shortname") for role in roles if isinstance(role, dict)}
    return sorted(name for name in names if isinstance(name, str))


def is_student(person: dict[str, Any], config: MoodleConfig) -> bool:
    """Whether the person learns in the course."""
    return not set(config.student_roles).isdisjoint(role_names(person))


def is_teacher(person: dict[str, Any], config: MoodleConfig) -> bool:
    """Whether the person teaches in the course."""
    return not set(config.teacher_roles).isdisjoint(role_names(person))
