"""Everything that the school has is read, once, and a second time the same."""

from __future__ import annotations

import time

from edurelay.model import Enrollment, Grade, Student
from edurelay_sandbox.moodle import MoodleSandbox, School
from integration.moodle.driver import PlainHttp, connect, read_everything, read_stream

#: The school's own words for the streams.
KINDS = {"enrollments": "enrolments"}


async def test_every_stream_holds_as_much_as_the_school(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    read = await read_everything(connect(http, url, completions=True))
    assert {KINDS.get(name, name): len(one.entities) for name, one in read.items()} == sandbox.school.counts()
    assert all(one.complete for one in read.values())


async def test_small_pages_give_the_same_and_stay_small(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    large = await read_everything(connect(http, url, completions=True))
    small = await read_everything(connect(http, url, completions=True, pageSize=10, gradesAtOnce=20))
    for name, one in small.items():
        assert one.entities == large[name].entities, name
        assert one.complete
        assert one.largest_page <= 10, name


async def test_a_second_read_is_equal(url: str, http: PlainHttp) -> None:
    connector = connect(http, url)
    first, second = await read_everything(connector), await read_everything(connector)
    assert {name: one.entities for name, one in first.items()} == {name: one.entities for name, one in second.items()}


async def test_every_external_id_comes_once_in_a_pass(url: str, http: PlainHttp) -> None:
    for name, one in (await read_everything(connect(http, url, pageSize=10))).items():
        assert set(one.times_seen.values()) == {1}, name


async def test_whoever_is_in_several_courses_is_one_student(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    assert len(sandbox.school.places[3]) > 1
    students = await read_stream(connect(http, url), "students")
    assert students.times_seen["3"] == 1


async def test_a_change_of_some_students_changes_just_these(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    connector = connect(http, url)
    before = await read_everything(connector)
    changed = sandbox.school.change(25, seed=1)
    after = await read_everything(connector)
    for name, one in after.items():
        different = {key for key, entity in one.entities.items() if before[name].entities[key] != entity}
        expected = {str(user) for user in changed} if name == "students" else set()
        if name == "teachers":
            expected = {str(user) for user in changed} & one.entities.keys()
        assert different == expected, name


async def test_references_lead_to_records_of_the_streams_read_before(url: str, http: PlainHttp) -> None:
    read = await read_everything(connect(http, url, completions=True))
    streams = {"course": "courses", "group": "groups", "student": "students", "teacher": "teachers"}
    for one in read.values():
        for entity in one.entities.values():
            for name in entity.references.keys() & streams.keys():
                reference = getattr(entity, name)
                assert reference is None or reference in read[streams[name]].entities


async def test_a_suspended_student_keeps_grades(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    school = sandbox.school
    course, user = next(
        (course, user)
        for course in school.taught()
        for user, place in course.enrolments.items()
        if place.suspended and any(grade.raw is not None for grade in course.grades.get(user, {}).values())
    )
    grades = await read_stream(connect(http, url), "grades")
    own = [grade for grade in grades.entities.values() if isinstance(grade, Grade)]
    assert any(grade.course == str(course.id) and grade.student == str(user) for grade in own)


async def test_places_that_do_not_count_now_are_inactive(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    places = (await read_stream(connect(http, url), "enrollments")).entities
    for course in sandbox.school.taught():
        for user, place in course.enrolments.items():
            entity = places.get(f"{course.id}:{user}")
            assert entity is None or (isinstance(entity, Enrollment) and entity.active == place.active(2_000_000_000))


async def test_completions_are_read_only_where_the_config_asks_for_them(url: str, http: PlainHttp) -> None:
    assert "completions" not in [stream.name for stream in connect(http, url).streams()]
    assert "completions" in [stream.name for stream in connect(http, url, completions=True).streams()]


async def test_other_roles_make_other_students(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    delegates = await read_stream(connect(http, url, studentRoles=["delegado"]), "students")
    expected = {
        str(user)
        for course in sandbox.school.taught()
        for user, place in course.enrolments.items()
        if "delegado" in place.roles
    }
    assert set(delegates.entities) == expected


async def test_the_number_of_a_person_comes_from_the_configured_field(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    students = await read_stream(connect(http, url, identityField="profile_field_rut"), "students")
    entity = students.entities["3"]
    assert isinstance(entity, Student)
    assert entity.number == sandbox.school.people[3].profile["rut"]


async def test_people_are_announced_with_their_number(url: str, http: PlainHttp) -> None:
    students = await read_stream(connect(http, url), "students")
    assert students.expected == len(students.entities)


async def test_a_school_of_2000_is_read_in_well_under_20_seconds(http: PlainHttp) -> None:
    sandbox = MoodleSandbox(School.generate(1))
    async with sandbox.serving() as url:
        started = time.monotonic()
        read = await read_everything(connect(http, url))
        assert time.monotonic() - started < 20
    counts = sandbox.school.counts()
    assert {name: len(one.entities) for name, one in read.items()} == {
        name: counts[KINDS.get(name, name)] for name in read
    }
    assert counts["students"] == 2000
