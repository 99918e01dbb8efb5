"""enrol_manual_enrol_users and enrol_manual_unenrol_users: all or nothing, and no answer."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.errors import MoodleError, invalid_parameter
from edurelay_sandbox.moodle.functions.call import Call, Function
from edurelay_sandbox.moodle.records import GUEST, ROLES, Enrolment
from edurelay_sandbox.moodle.tokens import ENROL, UNENROL

_ASSIGNABLE = frozenset({3, 4, 5})


def _enrol(call: Call, arguments: dict[str, Any]) -> None:
    enrolments = arguments["enrolments"]
    for enrolment in enrolments:
        _check(call, enrolment)
    for enrolment in enrolments:
        course, user = enrolment["courseid"], enrolment["userid"]
        known = call.school.courses[course].enrolments.get(user)
        roles = dict.fromkeys((*(known.roles if known else ()), ROLES[enrolment["roleid"]]))
        place = known or Enrolment(user, ())
        place.roles = tuple(sorted(roles, key=lambda role: role == "student"))
        place.suspended = bool(enrolment.get("suspend", 0))
        place.start, place.end = enrolment.get("timestart", 0), enrolment.get("timeend", 0)
        call.school.enrol(course, place)


def _check(call: Call, enrolment: dict[str, int]) -> None:
    course = call.school.courses.get(enrolment["courseid"])
    if course is None:
        raise invalid_parameter()
    call.enter(course)
    call.need(ENROL)
    role, user = enrolment["roleid"], enrolment["userid"]
    if role not in _ASSIGNABLE:
        who = f"this role ({role}) to this user ({user}) in this course ({course.id})"
        message = f"You don't have the permission to assign {who}."
        raise MoodleError("wsusercannotassign", message)
    if not course.manual:
        message = f"Manual enrolment plugin instance doesn't exist or is disabled for the course (id = {course.id})"
        raise MoodleError("wsnoinstance", message)
    if user == GUEST:
        raise MoodleError("guestsarenotallowed", "The guest user is not allowed to do this")
    call.person(user)


def _unenrol(call: Call, arguments: dict[str, Any]) -> None:
    for enrolment in arguments["enrolments"]:
        course = call.course(enrolment["courseid"])
        call.enter(course)
        call.need(UNENROL)
        call.person(enrolment["userid"])
        place = course.enrolments.get(enrolment["userid"])
        if place is not None and place.method == "manual":
            call.school.unenrol(course.id, place.user)


ENROL_USERS = Function(
    "enrol_manual_enrol_users",
    {
        "enrolments": [
            {"roleid": int, "userid": int, "courseid": int, "timestart?": int, "timeend?": int, "suspend?": int}
        ]
    },
    _enrol,
    version="2025041400",
)
UNENROL_USERS = Function(
    "enrol_manual_unenrol_users", {"enrolments": [{"userid": int, "courseid": int}]}, _unenrol, version="2025041400"
)
