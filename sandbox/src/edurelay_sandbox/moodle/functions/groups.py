"""core_group_get_course_groups and core_group_get_group_members."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.errors import course_context, missing_record
from edurelay_sandbox.moodle.functions.call import Call, Function
from edurelay_sandbox.moodle.tokens import GROUPS


def _course_groups(call: Call, arguments: dict[str, Any]) -> Any:
    course = call.school.courses.get(arguments["courseid"])
    if course is None:
        raise course_context(arguments["courseid"], "Invalid parameter value detected")
    call.enter(course)
    call.need(GROUPS)
    groups = sorted((call.school.groups[id_] for id_ in course.groups), key=lambda group: group.name)
    return [
        {
            "id": group.id,
            "courseid": group.course,
            "name": call.text.name(group.name),
            "description": group.description,
            "descriptionformat": int(bool(group.description)),
            "enrolmentkey": group.enrolmentkey,
            "idnumber": group.idnumber,
            "visibility": group.visibility,
            "participation": group.participation,
        }
        for group in groups
    ]


def _members(call: Call, arguments: dict[str, Any]) -> Any:
    answer = []
    for id_ in arguments["groupids"]:
        group = call.school.groups.get(id_)
        if group is None:
            raise missing_record()
        call.enter(call.school.courses[group.course])
        call.need(GROUPS)
        people = call.school.people
        members = sorted(group.members, key=lambda user: (people[user].lastname, people[user].firstname))
        answer.append({"groupid": id_, "userids": members})
    return answer


_GROUP_SHAPE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "id", "courseid", "name", "description", "descriptionformat", "enrolmentkey", "idnumber", "visibility",
            "participation",
        )
    ),
    "customfields": [{}],
}  # fmt: skip

COURSE_GROUPS = Function("core_group_get_course_groups", {"courseid": int}, _course_groups, [_GROUP_SHAPE])
MEMBERS = Function(
    "core_group_get_group_members", {"groupids": [int]}, _members, [{"groupid": None, "userids": [None]}]
)
