"""The generated school: always the same for a seed, of any size, and changed as told."""

from __future__ import annotations

import pytest

from edurelay_sandbox.faults import Fault, FaultKind, Faults
from edurelay_sandbox.moodle import School
from edurelay_sandbox.moodle.formats import as_json


def test_the_same_seed_makes_the_same_school() -> None:
    one, same, other = (School.generate(seed, students=50, courses=6) for seed in (1, 1, 2))
    assert (one.people, one.courses, one.groups, one.table) == (same.people, same.courses, same.groups, same.table)
    assert one.people != other.people


@pytest.mark.parametrize(("students", "courses"), [(0, 0), (0, 3), (1, 1), (5, 1), (3, 12), (400, 30)])
def test_a_school_may_have_any_size(students: int, courses: int) -> None:
    counts = School.generate(3, students=students, courses=courses).counts()
    assert counts["courses"] == courses
    assert counts["students"] == (students if courses else 0)


def test_a_school_has_all_that_makes_reading_hard() -> None:
    school = School.generate(1, students=400, courses=24)
    courses = list(school.taught())
    assert any(not course.visible for course in courses)
    assert any(not course.enrolments for course in courses)
    assert any("&" in course.fullname for course in courses)
    assert any("multilang" in course.fullname for course in courses)
    places = [place for course in courses for place in course.enrolments.values()]
    now = 1_780_000_000
    assert any(place.suspended for place in places)
    assert any(place.end and place.end < now for place in places)
    assert any(place.start > now for place in places)
    assert any(len(school.places[user]) > 1 for user in school.learners())
    assert set(school.learners()) & set(school.teachers())


def test_changing_changes_exactly_those_that_are_named() -> None:
    school, before = School.generate(1, students=100, courses=6), School.generate(1, students=100, courses=6)
    changed = school.change(25, seed=9)
    assert len(changed) == 25
    assert [user for user in school.people if school.people[user] != before.people[user]] == changed
    again = school.change(25, seed=9)
    assert again == changed


def test_leaving_a_course_takes_groups_and_grades_along() -> None:
    school = School.generate(1, students=60, courses=3, grade_items=3)
    course = school.courses[2]
    user = next(user for user, place in course.enrolments.items() if place.groups and user in course.grades)
    school.unenrol(2, user)
    assert user not in course.enrolments
    assert user not in course.grades
    assert not [group for group in school.groups.values() if group.course == 2 and user in group.members]


def test_json_is_ascii_with_escaped_slashes() -> None:
    assert as_json({"url": "https://x/ñ", "emoji": "🎒"}) == rb'{"url":"https:\/\/x\/\u00f1","emoji":"\ud83c\udf92"}'


def test_a_fault_hits_as_many_requests_as_it_says_and_only_its_function() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.STATUS, "a", requests=2, after=1))
    hits = [FaultKind.STATUS in faults.take(function) for function in ("b", "a", "a", "b", "a", "a")]
    assert hits == [False, False, True, False, True, False]
