"""What was learned from recorded answers of running sites, point by point, where it concerns reading.

The numbers are those of the recordings' own list. Points about texts and types are in tests/unit/moodle.
"""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.model import Course, Enrollment, Grade, Student
from edurelay_connector_runner.sdk import ConfigurationError, Permanent
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import HUB, MoodleSandbox, Token
from edurelay_sandbox.moodle.records import Enrolment
from edurelay_sandbox.moodle.tokens import EVERYTHING, HIDDEN_COURSES, PARTICIPANTS, UPDATE_COURSE
from integration.moodle.driver import PlainHttp, connect, read_everything, read_stream


async def test_point_2_a_switched_off_web_service_is_told_by_an_empty_403(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.SWITCHED_OFF))
    with pytest.raises(ConfigurationError, match="switch on web services"):
        await connect(http, url).check()


async def test_point_3_json_is_asked_for_in_lower_case_and_the_token_is_in_the_form(url: str, http: PlainHttp) -> None:
    await read_stream(connect(http, url), "courses")
    assert {form["moodlewsrestformat"] for form in http.forms} == {"json"}
    assert {form["wstoken"] for form in http.forms} == {HUB}


async def test_point_4_no_request_has_900_values(url: str, http: PlainHttp) -> None:
    await read_everything(connect(http, url, pageSize=800))
    assert max(len(form) for form in http.forms) < 900


async def test_point_6_what_a_debugging_site_adds_is_not_passed_on(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    message = "Invalid parameter value detected (SELECT * FROM {user} WHERE id = 3)"
    sandbox.faults.add(Fault(FaultKind.ERROR, errorcode="invalidparameter", message=message))
    with pytest.raises(Permanent) as caught:
        await read_stream(connect(http, url), "courses")
    assert "SELECT" not in str(caught.value)


@pytest.mark.parametrize("code", ["invalidrecordunknown", "invalidrecord", "invaliduser"])
async def test_point_7_a_missing_record_is_told_in_three_ways_and_means_gone(
    code: str, sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.ERROR, "core_group_get_course_groups", errorcode=code))
    read = await read_stream(connect(http, url, concurrency=1), "groups")
    assert read.complete
    assert {entity.course for entity in read.entities.values()} < {  # type: ignore[attr-defined]
        str(course.id) for course in sandbox.school.taught()
    }


@pytest.mark.parametrize("code", [None, "<div>The password must have 8 characters</div>", ""])
async def test_point_8_an_error_without_a_usable_code_is_still_an_error(
    code: str | None, sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.ERROR, errorcode=code, exception="Error", message="Attempt to assign"))
    with pytest.raises(Permanent, match="gave no reason"):
        await read_stream(connect(http, url), "courses")


async def test_point_13_secrets_of_the_site_info_do_not_get_into_the_report(url: str, http: PlainHttp) -> None:
    report = await connect(http, url).check()
    assert set(report.details) == {"sitename", "siteurl", "release", "version", "username", "courses"}


async def test_point_16_names_are_unescaped_and_in_one_language(url: str, http: PlainHttp) -> None:
    courses = (await read_stream(connect(http, url), "courses")).entities
    names = {key: entity.name for key, entity in courses.items() if isinstance(entity, Course)}
    assert names["8"] == "Educación Física & Salud ⚽ «élite» 7A"
    assert names["4"] == "History and Geography"
    assert {form.get("moodlewssettingfilter") for form in http.forms} == {"1"}


async def test_point_16_names_of_people_are_left_as_they_are(url: str, http: PlainHttp) -> None:
    students = (await read_stream(connect(http, url), "students")).entities
    names = {entity.name for entity in students.values() if isinstance(entity, Student)}
    assert {"Tom &amp; Jerry Literal", "Vicente Neg & Rita", "Ryan O'Higgins D'Angelo", "Zoé 🎒 Ñandú 🚀"} <= names


async def test_point_18_the_order_of_courses_is_undefined_and_made_ours(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.school.touch(3)
    assert sandbox.school.table != sorted(sandbox.school.table)
    read = await read_stream(connect(http, url), "courses")
    assert list(read.entities) == sorted(read.entities, key=int)


async def test_point_18_one_hidden_course_that_may_not_be_seen_is_said_to_end_the_list(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.service.tokens.known[HUB] = Token(capabilities=EVERYTHING - {HIDDEN_COURSES})
    with pytest.raises(ConfigurationError, match="viewhiddencourses"):
        await read_stream(connect(http, url), "courses")


async def test_point_18_the_site_itself_is_no_course(url: str, http: PlainHttp) -> None:
    assert "1" not in (await read_stream(connect(http, url), "courses")).entities


async def test_point_21_a_write_that_changes_nothing_changes_no_course(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    before = (await read_stream(connect(http, url), "courses")).entities
    sandbox.school.touch(5)
    assert (await read_stream(connect(http, url), "courses")).entities == before


async def test_point_23_only_options_that_moodle_knows_are_sent(url: str, http: PlainHttp) -> None:
    await read_everything(connect(http, url, pageSize=10))
    sent = {value for form in http.forms for name, value in form.items() if name.endswith("[name]")}
    assert sent == {"userfields", "limitfrom", "limitnumber", "sortby", "onlysuspended"}


async def test_point_25_suspended_ended_and_future_places_are_told_by_a_list_of_their_own(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    for user, place in (
        (3, Enrolment(3, ("student",), suspended=True)),
        (4, Enrolment(4, ("student",), end=1)),
        (5, Enrolment(5, ("student",), start=4_000_000_000)),
        (6, Enrolment(6, ("student",))),
    ):
        place.user = user
        sandbox.school.enrol(9, place)
    places = (await read_stream(connect(http, url), "enrollments")).entities
    active = {user: places[f"9:{user}"] for user in (3, 4, 5, 6)}
    assert {user: entity.active for user, entity in active.items() if isinstance(entity, Enrollment)} == {
        3: False, 4: False, 5: False, 6: True,
    }  # fmt: skip


async def test_point_25_a_suspended_account_is_an_inactive_student(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    students = (await read_stream(connect(http, url), "students")).entities
    told = {int(key) for key, entity in students.items() if isinstance(entity, Student) and not entity.active}
    assert told == {user for user in sandbox.school.learners() if sandbox.school.people[user].suspended}
    assert told


async def test_point_25_deleted_people_vanish_from_courses_and_so_from_the_streams(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.school.delete(3)
    for stream in ("students", "enrollments", "grades"):
        assert not [
            key for key in (await read_stream(connect(http, url), stream)).entities if key.endswith(":3") or key == "3"
        ]


async def test_point_26_people_without_groups_have_none(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    places = (await read_stream(connect(http, url), "enrollments")).entities
    for key, entity in places.items():
        course, user = map(int, key.split(":"))
        groups = sandbox.school.courses[course].enrolments[user].groups
        assert entity.extra.get("groups", []) == [str(group) for group in sorted(groups)]
        assert isinstance(entity, Enrollment)
        assert entity.group == (str(groups[0]) if len(groups) == 1 else None)


async def test_point_27_people_whose_identity_is_hidden_are_read_without_it(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.service.tokens.known[HUB] = Token(capabilities=EVERYTHING - {"View user identity"})
    student = (await read_stream(connect(http, url), "students")).entities["3"]
    assert isinstance(student, Student)
    assert (student.email, student.username, student.number) == (None, None, None)
    assert student.name


async def test_point_28_several_roles_are_one_place(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.school.enrol(2, Enrolment(3, ("teacher", "student", "delegado")))
    place = (await read_stream(connect(http, url), "enrollments")).entities["2:3"]
    assert isinstance(place, Enrollment)
    assert (place.role, place.student, place.teacher) == ("teacher", "3", "3")
    assert place.extra["roles"] == ["delegado", "student", "teacher"]


async def test_point_28_whoever_is_neither_student_nor_teacher_has_no_place(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.school.enrol(2, Enrolment(2, ("manager",)))
    assert "2:2" not in (await read_stream(connect(http, url), "enrollments")).entities
    assert "2" not in (await read_stream(connect(http, url), "teachers")).entities


async def test_point_29_nobody_is_read_from_the_list_of_the_whole_site(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    people = await read_stream(connect(http, url), "students")
    assert not {"1", "2"} & people.entities.keys()
    assert "1" not in {form.get("courseid") for form in http.forms}


async def test_point_31_a_deleted_account_that_comes_back_by_id_is_no_student(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    def delete(form: dict[str, str]) -> None:
        if form["wsfunction"] == "core_user_get_users_by_field" and not sandbox.school.people[9].deleted:
            sandbox.school.delete(9)

    http.before_request = delete
    students = await read_stream(connect(http, url), "students")
    assert "9" not in students.entities
    assert students.complete


async def test_point_31_an_account_that_is_not_shown_is_rejected_and_the_pass_not_complete(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.service.tokens.known[HUB] = Token(capabilities=EVERYTHING - {PARTICIPANTS})
    students = await read_stream(connect(http, url), "students")
    assert not students.complete
    assert len(students.rejected) == len(sandbox.school.learners())
    assert students.rejected[0].where == f"user {sandbox.school.learners()[0]}"


async def test_point_33_enrolment_keys_of_groups_stay_inside(url: str, http: PlainHttp) -> None:
    connector = connect(http, url)
    raws: list[Any] = [record.raw async for page in connector.read("groups", None) for record in page.records]
    raws += [record.raw for record in await connector.fetch("groups", ["1", "2"])]
    assert raws
    assert not [raw for raw in raws if "enrolmentkey" in raw]


async def test_point_34_courses_without_completion_are_not_asked(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    await read_stream(connect(http, url, completions=True), "completions")
    asked = {form["courseid"] for form in http.forms if "completion" in form["wsfunction"]}
    assert not asked & {str(course.id) for course in sandbox.school.taught() if not course.completion}


async def test_point_34_courses_without_completion_are_passed_over_where_the_token_may_not_know_them(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    known = await read_stream(connect(http, url, completions=True), "completions")
    sandbox.service.tokens.known[HUB] = Token(capabilities=EVERYTHING - {UPDATE_COURSE})
    unknown = await read_stream(connect(http, url, completions=True), "completions")
    assert (unknown.entities, unknown.complete) == (known.entities, True)


async def test_point_34_a_course_without_criteria_is_asked_for_them_once(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    await read_stream(connect(http, url, completions=True, concurrency=1), "completions")
    without = next(course for course in sandbox.school.taught() if course.completion and not course.criteria)
    asked = [form for form in http.forms if form["wsfunction"] == "core_completion_get_course_completion_status"]
    assert len([form for form in asked if form["courseid"] == str(without.id)]) == 1


async def test_point_35_students_whom_the_report_leaves_out_are_asked_for_one_by_one(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    await read_stream(connect(http, url), "grades")
    asked = {(form["courseid"], form["userid"]) for form in http.forms if "userid" in form}
    inactive = {
        (str(course.id), str(user))
        for course in sandbox.school.taught()
        for user, place in course.enrolments.items()
        if "student" in place.roles and not place.active(2_000_000_000)
    }
    assert asked == inactive


async def test_point_36_zero_is_a_grade_and_a_comment_is_none(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    grades = (await read_stream(connect(http, url), "grades")).entities
    for course in sandbox.school.taught():
        for user, row in course.grades.items():
            for item, grade in row.items():
                entity = grades.get(f"{course.id}:{item}:{user}")
                assert (entity is None) == (grade.raw is None)
                assert entity is None or (isinstance(entity, Grade) and entity.score == grade.raw)


async def test_point_42_people_are_asked_for_with_the_fields_that_are_used(url: str, http: PlainHttp) -> None:
    await read_everything(connect(http, url))
    for form in http.forms:
        if form["wsfunction"] == "core_enrol_get_enrolled_users":
            assert form["options[0][value]"] in ("id", "id,roles", "id,roles,groups")
