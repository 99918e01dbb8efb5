"""The functions that the sandbox serves, by name."""

from __future__ import annotations

from edurelay_sandbox.moodle.functions import completion, courses, enrolled, enrolling, grades, groups, site, users
from edurelay_sandbox.moodle.functions.call import Call, Function

__all__ = ["FUNCTIONS", "Call", "Function"]

_KNOWN = (
    courses.GET_COURSES,
    courses.BY_FIELD,
    enrolled.GET_ENROLLED_USERS,
    users.BY_FIELD,
    groups.COURSE_GROUPS,
    groups.MEMBERS,
    completion.ACTIVITIES,
    completion.COURSE,
    grades.GET_GRADE_ITEMS,
    enrolling.ENROL_USERS,
    enrolling.UNENROL_USERS,
)

FUNCTIONS: dict[str, Function] = {}
_SITE_INFO = site.site_info(FUNCTIONS)
FUNCTIONS.update({function.name: function for function in (_SITE_INFO, *_KNOWN)})
