"""People come and go while lists are read in pages, and nobody who was there all the time is lost."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.connectors.moodle import MoodleConnector
from edurelay_connector_runner.sdk.reading import reading
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import MoodleSandbox
from edurelay_sandbox.moodle.records import Enrolment
from integration.moodle.driver import PlainHttp, Reading, connect, read_stream


def _crowded(sandbox: MoodleSandbox) -> int:
    """Put everybody into one course, so that its list has many pages, and return the course."""
    for user in sandbox.school.learners():
        if user not in sandbox.school.courses[2].enrolments:
            sandbox.school.enrol(2, Enrolment(user, ("student",)))
    return 2


def _places(sandbox: MoodleSandbox) -> set[str]:
    return {
        f"{course.id}:{user}"
        for course in sandbox.school.taught()
        for user, place in course.enrolments.items()
        if place.roles != ("manager",)
    }


@pytest.mark.parametrize("shift", [1, 3, 12, 60])
async def test_a_list_that_moves_under_the_pages_loses_nobody(
    shift: int, sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    _crowded(sandbox)
    sandbox.faults.add(Fault(FaultKind.DRIFT, "core_enrol_get_enrolled_users", requests=40, shift=shift))
    read = await read_stream(connect(http, url, pageSize=10), "enrollments")
    assert set(read.entities) == _places(sandbox)
    assert read.complete


async def test_whoever_stays_is_read_although_others_leave_and_join_between_pages(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    course, school = _crowded(sandbox), sandbox.school
    present = _places(sandbox)
    connector, read = connect(http, url, pageSize=10), Reading()
    leaving = iter([3, 4, 9, 20, 21, 22, 60])
    async with reading(connector, "enrollments", None) as pages:
        async for page in pages:
            read.entities |= dict(connector.convert("enrollments", record.raw) for record in page.records)
            read.complete = page.complete
            if (user := next(leaving, None)) is not None:
                school.unenrol(course, user)
                present.discard(f"{course}:{user}")
    assert present <= read.entities.keys()
    assert read.complete


async def test_whoever_joins_at_the_front_while_a_course_is_read_is_read_too(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    course, school = _crowded(sandbox), sandbox.school
    for user in (3, 4, 5):
        school.unenrol(course, user)
    connector, seen = connect(http, url, pageSize=10, concurrency=1), set[str]()
    async with reading(connector, "enrollments", None) as pages:
        async for page in pages:
            seen |= {connector.convert("enrollments", record.raw)[0] for record in page.records}
            if 4 not in school.courses[course].enrolments:
                school.enrol(course, Enrolment(4, ("student",)))
    assert f"{course}:4" in seen


async def test_a_drifting_list_of_ids_by_role_loses_no_student(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.DRIFT, requests=30, shift=2))
    read = await read_stream(connect(http, url, pageSize=10), "students")
    assert set(read.entities) == {str(user) for user in sandbox.school.learners()}
    assert read.complete


async def test_a_list_that_never_stands_still_is_given_up_and_not_called_complete(
    restless: MoodleConnector, http: PlainHttp
) -> None:
    read = await read_stream(restless, "enrollments")
    assert read.entities
    assert not read.complete
    assert len(http.forms) < 200


async def test_a_short_list_needs_one_request(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    await read_stream(connect(http, url), "teachers")
    assert sandbox.traffic.requests["core_enrol_get_enrolled_users"] == len(list(sandbox.school.taught()))


async def test_a_course_that_is_deleted_meanwhile_is_left_out(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    for stream in ("groups", "enrollments", "grades", "students"):
        connector = connect(http, url, pageSize=10, concurrency=1)
        school = sandbox.school
        async with reading(connector, stream, None) as pages:
            seen = [page async for page in pages]
        assert seen[-1].complete
        before = school.courses.copy(), school.table.copy()
        deleted = max(id_ for id_, course in school.courses.items() if course.enrolments)
        http.before_request = lambda form, deleted=deleted: _delete(sandbox, deleted, form)
        read = await read_stream(connector, stream)
        http.before_request = None
        assert read.complete, stream
        school.courses, school.table = before


def _delete(sandbox: MoodleSandbox, course: int, form: dict[str, str]) -> None:
    """Delete a course just before it is asked for."""
    if form.get("courseid") == str(course) and course in sandbox.school.courses:
        del sandbox.school.courses[course]
        sandbox.school.table.remove(course)
