"""Records that a running Moodle gave, as entities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import edurelay_connector_runner.connectors.moodle as package
from edurelay.model import Completion, Course, Enrollment, Entity, Grade, Group, Student
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.mapping import convert
from edurelay_connector_runner.connectors.moodle.people import is_deleted

FIXTURES = Path(package.__file__).parent / "fixtures"
CONFIG = MoodleConfig.model_validate({"apiUrl": "https://moodle.example"})


def _recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))


def _entities(stream: str, raws: list[Any]) -> dict[str, Entity]:
    return dict(convert(stream, raw, CONFIG) for raw in raws)


def test_a_course_with_an_ampersand_and_a_computed_end() -> None:
    course = _entities("courses", _recorded("courses"))["8"]
    assert isinstance(course, Course)
    assert course.name == "Educación Física & Salud ⚽ «1° Medio» d'Élite"
    assert (course.code, course.active) == ("EFI-1M", True)
    assert (course.starts_at, course.ends_at) == ("2026-03-02T11:00:00Z", "2026-04-06T12:00:00Z")
    assert course.extra["idnumber"] == "SIS-EFI-1M"


def test_a_course_with_custom_fields() -> None:
    course = _entities("courses", _recorded("courses"))["7"]
    assert course.extra["custom"] == {
        "bilingue": True,
        "cupos": 35,
        "inicioreal": "2026-03-02T11:00:00Z",
        "jornada": "Tarde",
        "obs": "<p>Sala <em>3</em></p>",
        "sede": "Ñuñoa",
    }


def test_groups_of_a_course() -> None:
    groups = _entities("groups", _recorded("groups"))
    assert all(isinstance(group, Group) and group.course == "2" for group in groups.values())
    assert [group.name for group in groups.values() if isinstance(group, Group)] == [
        "7A",
        "7A – Laboratorio Ñ",
        "Fútbol & Vacío",
        "Refuerzo (privado)",
        "Solo miembros",
    ]


def test_accounts_with_and_without_everything() -> None:
    accounts = _entities("students", [row for row in _recorded("accounts") if not is_deleted(row)])
    ryan, paz, suspended = accounts["5"], accounts["9"], accounts["11"]
    assert isinstance(ryan, Student)
    assert isinstance(paz, Student)
    assert isinstance(suspended, Student)
    assert (ryan.name, ryan.number, ryan.active) == ("Ryan O'Higgins D'Angelo", "23000411-0", True)
    assert paz.extra["institution"] == "Liceo Sandbox & Cía"
    assert "city" not in paz.extra
    assert not suspended.active


def test_a_deleted_account_that_came_back_by_id_is_recognised() -> None:
    assert [row["id"] for row in _recorded("accounts") if is_deleted(row)] == [131]


def test_places_with_several_roles_with_groups_and_without() -> None:
    raws = [{"course": 2, "user": row, "active": True} for row in _recorded("enrolled_users")]
    places = _entities("enrollments", raws)
    delegate, teacher = places["2:9"], places["2:124"]
    assert isinstance(delegate, Enrollment)
    assert isinstance(teacher, Enrollment)
    assert delegate.extra == {"groups": ["1", "3"], "roles": ["delegado", "student"]}
    assert (teacher.role, teacher.teacher, teacher.group, teacher.extra) == (
        "teacher",
        "124",
        None,
        {"roles": ["teacher"]},
    )


def test_grades_with_values_of_every_kind() -> None:
    raws = [
        {"course": report["courseid"], "user": report["userid"], "item": item}
        for report in _recorded("grade_items")["usergrades"]
        for item in report["gradeitems"]
        if item["graderaw"] is not None
    ]
    grades = _entities("grades", raws)
    zero, total, letter = grades["2:2:4"], grades["2:1:4"], grades["11:16:3"]
    assert isinstance(zero, Grade)
    assert isinstance(total, Grade)
    assert isinstance(letter, Grade)
    assert (zero.item, zero.score, zero.maximum) == ("Tarea 1: Fracciones", 0.0, 7.0)
    assert (total.item, total.score, total.maximum) == ("course total", 79.62333, 231.0)
    assert (letter.item, letter.score) == ("Ensayo", 95.0)
    assert "2:7:4" not in grades


def test_completions_of_activities() -> None:
    raws = [{"course": 2, "user": 3, "activity": row} for row in _recorded("activities_completion")["statuses"]]
    states = {key: one.state for key, one in _entities("completions", raws).items() if isinstance(one, Completion)}
    assert states == {"2:1:3": "complete", "2:2:3": "passed", "2:6:3": "complete", "2:8:3": "incomplete"}
