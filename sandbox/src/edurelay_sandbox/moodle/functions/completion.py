"""The two completion functions; each tells of one person in one course."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.errors import MoodleError
from edurelay_sandbox.moodle.functions.call import SITE_URL, Call, Function
from edurelay_sandbox.moodle.records import LEARNING, Activity, Progress
from edurelay_sandbox.moodle.text import TextMode
from edurelay_sandbox.moodle.tokens import COMPLETION

_ARGUMENTS = {"courseid": int, "userid": int}
_NOTHING = Progress(0, 0)


def _activities(call: Call, arguments: dict[str, Any]) -> Any:
    course = call.course(arguments["courseid"])
    person = call.person(arguments["userid"])
    call.enter(course)
    call.need(COMPLETION)
    place = course.enrolments.get(person.id)
    tracked = place is not None and place.active(call.now) and LEARNING in place.roles
    done = course.progress.get(person.id, {})
    statuses = [
        _status(activity, done.get(activity.cmid, _NOTHING), tracked, place is not None)
        for activity in (course.activities if course.completion else ())
    ]
    return {"statuses": statuses, "warnings": []}


def _status(activity: Activity, progress: Progress, tracked: bool, visible: bool) -> dict[str, Any]:
    return {
        "cmid": activity.cmid,
        "modname": activity.module,
        "instance": activity.instance,
        "state": progress.state,
        "timecompleted": progress.time,
        "tracking": activity.tracking,
        "overrideby": None,
        "valueused": False,
        "hascompletion": True,
        "isautomatic": activity.tracking == 2,
        "istrackeduser": tracked,
        "uservisible": visible,
        "details": [
            {"rulename": rule, "rulevalue": {"status": min(progress.state, 2), "description": description}}
            for rule, description in activity.rules
        ],
        "isoverallcomplete": progress.state in (1, 2),
    }


def _course(call: Call, arguments: dict[str, Any]) -> Any:
    course = call.course(arguments["courseid"])
    person = call.person(arguments["userid"])
    call.enter(course)
    if not call.can(COMPLETION) or not course.completion:
        raise MoodleError("cannotviewreport", "You cannot view this report")
    if not course.criteria:
        raise MoodleError("nocriteriaset", "No completion criteria set for this course")
    place = course.enrolments.get(person.id)
    if place is None or not place.active(call.now) or LEARNING not in place.roles:
        raise MoodleError("usernotenroled", "User is not enrolled in this course")
    done = course.progress.get(person.id, {})
    completions = [_criterion(activity, done.get(activity.cmid, _NOTHING)) for activity in course.activities]
    status = {"completed": course.completed_by(person.id), "aggregation": 1, "completions": completions}
    return {"completionstatus": status, "warnings": []}


def _criterion(activity: Activity, progress: Progress) -> dict[str, Any]:
    complete = progress.state > 0
    link = f"{SITE_URL}/mod/{activity.module}/view.php?id={activity.cmid}"
    return {
        "type": 4,
        "title": "Activity completion",
        "status": "Yes" if complete else "No",
        "complete": complete,
        "timecompleted": progress.time if complete else None,
        "details": {
            "type": "Activity completion",
            "criteria": f'<a href="{link}">{TextMode().name(activity.name)}</a>',
            "requirement": "Marking yourself complete" if activity.tracking == 1 else "",
            "status": "",
        },
    }


_STATUS_SHAPE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "cmid", "modname", "instance", "state", "timecompleted", "tracking", "overrideby", "valueused",
            "hascompletion", "isautomatic", "istrackeduser", "uservisible",
        )
    ),
    "details": [{"rulename": None, "rulevalue": {"status": None, "description": None}}],
    "isoverallcomplete": None,
}  # fmt: skip
_CRITERION_SHAPE: dict[str, Any] = {
    **dict.fromkeys(("type", "title", "status", "complete", "timecompleted")),
    "details": dict.fromkeys(("type", "criteria", "requirement", "status")),
}

ACTIVITIES = Function(
    "core_completion_get_activities_completion_status",
    _ARGUMENTS,
    _activities,
    {"statuses": [_STATUS_SHAPE], "warnings": [{}]},
)
COURSE = Function(
    "core_completion_get_course_completion_status",
    _ARGUMENTS,
    _course,
    {
        "completionstatus": {"completed": None, "aggregation": None, "completions": [_CRITERION_SHAPE]},
        "warnings": [{}],
    },
)
