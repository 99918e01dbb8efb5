"""How Moodle's records become entities; the numbers of the points are those of the recordings' own list."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.model import Completion, Course, Enrollment, Entity, Grade, Group, Student
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.mapping import convert
from edurelay_connector_runner.sdk import BadRecord

CONFIG = MoodleConfig.model_validate({"apiUrl": "https://moodle.example"})
COURSE = {"id": 42, "fullname": "Matemática 7° A", "shortname": "MAT-7A"}
PERSON = {"id": 315, "fullname": "Ana Rojas"}
ITEM = {"id": 700, "itemname": "Prueba 1", "itemtype": "mod", "graderaw": 6.2}


def _converted(stream: str, raw: Any, **config: Any) -> Entity:
    chosen = MoodleConfig.model_validate({"apiUrl": "https://moodle.example", **config}) if config else CONFIG
    return convert(stream, raw, chosen)[1]


def _grade(**item: Any) -> Grade:
    entity = _converted("grades", {"course": 42, "user": 315, "item": ITEM | item})
    assert isinstance(entity, Grade)
    return entity


def test_external_ids_are_composed_of_what_identifies_a_record() -> None:
    place = {"course": 42, "user": PERSON | {"roles": [{"shortname": "student"}]}, "active": True}
    activity = {"course": 42, "user": 315, "activity": {"cmid": 811, "modname": "quiz", "state": 2, "timecompleted": 0}}
    whole = {"course": 42, "user": 315, "whole": {"aggregation": 1, "times": []}}
    assert convert("courses", COURSE, CONFIG)[0] == "42"
    assert convert("students", PERSON, CONFIG)[0] == "315"
    assert convert("enrollments", place, CONFIG)[0] == "42:315"
    assert convert("grades", {"course": 42, "user": 315, "item": ITEM}, CONFIG)[0] == "42:700:315"
    assert convert("completions", activity, CONFIG)[0] == "42:811:315"
    assert convert("completions", whole, CONFIG)[0] == "42:course:315"


def test_point_14_ids_that_come_as_text_are_the_same_ids() -> None:
    assert convert("students", PERSON | {"id": "315"}, CONFIG) == convert("students", PERSON, CONFIG)


def test_point_14_flags_come_as_numbers_or_as_truth_values() -> None:
    for hidden in (0, False):
        entity = _converted("courses", COURSE | {"visible": hidden})
        assert isinstance(entity, Course)
        assert not entity.active


def test_point_15_a_number_without_a_fraction_is_the_same_number() -> None:
    assert _grade(graderaw=7) == _grade(graderaw=7.0)
    assert _grade(grademin=1, grademax=7) == _grade(grademin=1.0, grademax=7.0)


def test_point_16_names_of_courses_and_groups_are_unescaped_once() -> None:
    course = _converted(
        "courses", COURSE | {"fullname": "Física &amp; Salud &lt;1&gt; &amp;amp;", "shortname": "A&amp;B"}
    )
    group = _converted("groups", {"id": 9, "courseid": 42, "name": "Fútbol &amp; Vacío"})
    assert isinstance(course, Course)
    assert isinstance(group, Group)
    assert (course.name, course.code) == ("Física & Salud <1> &amp;", "A&B")
    assert group.name == "Fútbol & Vacío"


def test_point_16_names_of_people_and_of_items_are_not_unescaped() -> None:
    student = _converted("students", PERSON | {"fullname": "Tom &amp; Jerry"})
    assert isinstance(student, Student)
    assert student.name == "Tom &amp; Jerry"
    assert _grade(itemname="Tarea &amp; más").item == "Tarea &amp; más"


def test_point_19_and_26_absent_keys_are_no_values() -> None:
    course, student = _converted("courses", COURSE), _converted("students", PERSON)
    assert isinstance(course, Course)
    assert isinstance(student, Student)
    assert (course.active, course.starts_at, course.ends_at, course.description) == (True, None, None, None)
    assert (student.email, student.username, student.number, student.active) == (None, None, None, True)
    assert student.extra == {}


def test_point_20_custom_fields_mean_what_their_type_says() -> None:
    fields = [
        {"shortname": "sede", "type": "text", "valueraw": "Ñuñoa", "value": "Ñuñoa"},
        {"shortname": "jornada", "type": "select", "valueraw": 2, "value": "Tarde"},
        {"shortname": "bilingue", "type": "checkbox", "valueraw": 1, "value": "Yes"},
        {"shortname": "inicio", "type": "date", "valueraw": 1_772_449_200, "value": "2 March 2026"},
        {"shortname": "nunca", "type": "date", "valueraw": 0, "value": None},
        {"shortname": "cupos", "type": "number", "valueraw": 35, "value": "35"},
        {"shortname": "vacio", "type": "text", "valueraw": "", "value": None},
    ]
    assert _converted("courses", COURSE | {"customfields": fields}).extra["custom"] == {
        "bilingue": True,
        "cupos": 35,
        "inicio": "2026-03-02T11:00:00Z",
        "jornada": "Tarde",
        "sede": "Ñuñoa",
    }


def test_point_21_what_moves_without_meaning_changes_nothing() -> None:
    for noise in ({"timemodified": 1}, {"categorysortorder": 5}, {"cacherev": 9}, {"showreports": 1}):
        assert _converted("courses", COURSE | noise) == _converted("courses", COURSE)
    for name, value in (("lastaccess", 1), ("firstaccess", 1), ("profileimageurl", "https://x/1"), ("theme", "x")):
        assert _converted("students", PERSON | {name: value}) == _converted("students", PERSON)


def test_times_are_utc_text_and_zero_is_never() -> None:
    course = _converted("courses", COURSE | {"startdate": 1_772_449_200, "enddate": 0})
    assert isinstance(course, Course)
    assert (course.starts_at, course.ends_at) == ("2026-03-02T11:00:00Z", None)


def test_a_person_in_one_group_has_it_as_a_reference_and_otherwise_a_list() -> None:
    def place(*groups: int) -> Enrollment:
        person = PERSON | {"roles": [{"shortname": "student"}], "groups": [{"id": group} for group in groups]}
        entity = _converted("enrollments", {"course": 42, "user": person, "active": True})
        assert isinstance(entity, Enrollment)
        return entity

    assert place(9).group == "9"
    assert place().group is None
    assert (place(10, 9).group, place(10, 9).extra["groups"]) == (None, ["9", "10"])
    assert place(10, 9) == place(9, 10)


def test_point_28_roles_are_told_apart_by_their_short_names() -> None:
    def place(*roles: str, **config: Any) -> Enrollment:
        person = PERSON | {"roles": [{"shortname": role, "name": "Nombre propio"} for role in roles]}
        entity = _converted("enrollments", {"course": 42, "user": person, "active": True}, **config)
        assert isinstance(entity, Enrollment)
        return entity

    assert (place("student").student, place("student").teacher) == ("315", None)
    assert (place("teacher").student, place("teacher").teacher) == (None, "315")
    assert place("student", "editingteacher").role == "teacher"
    assert place("alumno", studentRoles=["alumno"]).role == "student"
    with pytest.raises(BadRecord):
        place("manager")


def test_point_34_states_of_activities_have_names() -> None:
    def state(value: int) -> str:
        activity = {"cmid": 811, "modname": "quiz", "state": value, "timecompleted": 1_778_800_000}
        entity = _converted("completions", {"course": 42, "user": 315, "activity": activity})
        assert isinstance(entity, Completion)
        return entity.state

    assert [state(value) for value in range(4)] == ["incomplete", "complete", "passed", "failed"]
    with pytest.raises(BadRecord):
        state(4)


def test_point_34_a_whole_course_is_completed_with_its_last_criterion_or_with_the_first_of_any() -> None:
    def at(aggregation: int, times: list[int]) -> str | None:
        raw = {"course": 42, "user": 315, "whole": {"aggregation": aggregation, "times": times}}
        entity = _converted("completions", raw)
        assert isinstance(entity, Completion)
        return entity.completed_at

    assert at(1, [1_778_800_000, 1_778_900_000]) == "2026-05-16T02:53:20Z"
    assert at(2, [1_778_800_000, 1_778_900_000]) == "2026-05-14T23:06:40Z"
    assert at(1, []) is None


def test_point_36_zero_is_a_grade() -> None:
    assert _grade(graderaw=0).score == 0.0


def test_point_36_only_lasting_facts_of_a_grade_count() -> None:
    noise = {
        "gradeformatted": '<i class="icon"></i>6.20', "rangeformatted": "0&ndash;7", "percentageformatted": "88 %",
        "feedbackformat": 2, "weightraw": 0.5, "weightformatted": "50 %", "status": "novalue", "scaleid": 3,
        "gradeneedsupdate": True,
    }  # fmt: skip
    assert _grade(**noise) == _grade()
    for fact in ({"graderaw": 5}, {"grademax": 7}, {"gradedategraded": 1_778_750_000}, {"gradeishidden": True}):
        assert _grade(**fact) != _grade()


def test_point_36_flags_that_a_token_may_not_know_are_false() -> None:
    assert _grade(gradeislocked=None, gradeisoverridden=None) == _grade()


def test_point_36_a_total_without_a_name_is_named_after_its_kind() -> None:
    assert _grade(itemname=None, itemtype="course").item == "course total"


def test_a_long_description_is_cut_and_its_course_kept() -> None:
    entity = _converted("courses", COURSE | {"summary": "x" * 50_000})
    assert isinstance(entity, Course)
    assert entity.description is not None
    assert len(entity.description) == 16_384


@pytest.mark.parametrize(
    ("stream", "raw", "field"),
    [
        ("courses", {"id": 42}, "name"),
        ("courses", COURSE | {"id": None}, "id"),
        ("courses", COURSE | {"id": -1}, "id"),
        ("courses", COURSE | {"id": True}, "id"),
        ("courses", COURSE | {"startdate": "yesterday"}, "startdate"),
        ("courses", COURSE | {"startdate": 10**15}, "startdate"),
        ("groups", {"id": 9, "name": "7A"}, "courseid"),
        ("students", PERSON | {"email": 7}, "email"),
        ("students", PERSON | {"suspended": "no"}, "suspended"),
        ("enrollments", {"course": 42, "user": None}, "user"),
        ("grades", {"course": 42, "user": 315, "item": ITEM | {"graderaw": "6,2"}}, "graderaw"),
        ("grades", {"course": 42, "user": 315, "item": ITEM | {"graderaw": float("nan")}}, "graderaw"),
    ],
)
def test_what_cannot_be_used_names_its_field(stream: str, raw: Any, field: str) -> None:
    with pytest.raises(BadRecord) as caught:
        convert(stream, raw, CONFIG)
    assert caught.value.field == field
