"""gradereport_user_get_grade_items: the gradebook, of one person or of all who are active students."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.formats import number
from edurelay_sandbox.moodle.functions.call import Call, Function
from edurelay_sandbox.moodle.records import LEARNING, Course, Grade, GradeItem, Person
from edurelay_sandbox.moodle.tokens import GRADES


def _get_grade_items(call: Call, arguments: dict[str, Any]) -> Any:
    course = call.course(arguments["courseid"])
    call.enter(course)
    user, group = arguments.get("userid", 0), arguments.get("groupid", 0)
    if user:
        people = [call.person(user)]
        call.need(GRADES)
    else:
        call.need(GRADES)
        people = _active_students(call, course, group)
    return {"usergrades": [_gradebook(course, person) for person in people], "warnings": []}


def _active_students(call: Call, course: Course, group: int) -> list[Person]:
    school = call.school
    members = None if not group else set(school.groups[group].members) if group in school.groups else set()
    people = [
        school.people[user]
        for user, place in course.enrolments.items()
        if LEARNING in place.roles and place.active(call.now) and (members is None or user in members)
    ]
    return sorted(people, key=lambda person: (person.lastname, person.firstname, person.id))


def _gradebook(course: Course, person: Person) -> dict[str, Any]:
    grades = course.grades.get(person.id, {})
    any_grade = any(grade.raw is not None for grade in grades.values())
    return {
        "courseid": course.id,
        "courseidnumber": course.idnumber,
        "userid": person.id,
        "userfullname": person.fullname,
        "useridnumber": person.idnumber,
        "maxdepth": 2,
        "gradeitems": [_item(course, item, grades.get(item.id, Grade(None, None)), any_grade) for item in course.items],
    }


def _item(course: Course, item: GradeItem, grade: Grade, any_grade: bool) -> dict[str, Any]:
    total = item.kind == "course"
    raw, low, high = number(grade.raw), number(item.minimum), number(item.maximum)
    row: dict[str, Any] = {
        "id": item.id,
        "itemname": item.name,
        "itemtype": item.kind,
        "itemmodule": item.module,
        "iteminstance": item.instance,
        "itemnumber": None if total else 0,
        "idnumber": item.idnumber,
        "categoryid": None if total else course.id,
        "outcomeid": None,
        "scaleid": None,
        "locked": item.locked,
    }
    if item.cmid is not None:
        row["cmid"] = item.cmid
    if any_grade and not total:
        weight = 0 if raw is None else 1
        row |= {"weightraw": weight, "weightformatted": f"{weight:.2%}".replace("%", " %")}
        if raw is None:
            row["status"] = "novalue"
    row |= {
        "graderaw": raw,
        "gradedatesubmitted": None,
        "gradedategraded": grade.graded,
        "gradehiddenbydate": False,
        "gradeneedsupdate": False,
        "gradeishidden": item.hidden,
        "gradeislocked": item.locked,
        "gradeisoverridden": False,
        "gradeformatted": "-" if grade.raw is None else _formatted(item, grade.raw),
        "grademin": low,
        "grademax": high,
        "rangeformatted": f"{low}&ndash;{high}",
        "percentageformatted": "-" if grade.raw is None else _percentage(item, grade.raw),
        "feedback": "",
        "feedbackformat": 2 if any_grade else 0,
    }
    return row


def _formatted(item: GradeItem, raw: float) -> str:
    """Write a grade as people see it; where the scale begins above 0 Moodle puts a passed icon in front."""
    icon = '<i class="icon fa fa-check text-success fa-fw inline"  title="Pass" role="img" aria-label="Pass"></i>'
    return f"{icon if item.minimum > 0 else ''}{raw:.2f}"


def _percentage(item: GradeItem, raw: float) -> str:
    return f"{100 * (raw - item.minimum) / (item.maximum - item.minimum):.2f} %"


_ITEM_SHAPE = dict.fromkeys(
    (
        "id", "itemname", "itemtype", "itemmodule", "iteminstance", "itemnumber", "idnumber", "categoryid",
        "outcomeid", "scaleid", "locked", "cmid", "weightraw", "weightformatted", "status", "graderaw",
        "gradedatesubmitted", "gradedategraded", "gradehiddenbydate", "gradeneedsupdate", "gradeishidden",
        "gradeislocked", "gradeisoverridden", "gradeformatted", "grademin", "grademax", "rangeformatted",
        "percentageformatted", "lettergradeformatted", "rank", "numusers", "averageformatted", "feedback",
        "feedbackformat",
    )
)  # fmt: skip
_SHAPE: dict[str, Any] = {
    "usergrades": [
        {
            **dict.fromkeys(("courseid", "courseidnumber", "userid", "userfullname", "useridnumber", "maxdepth")),
            "gradeitems": [_ITEM_SHAPE],
        }
    ],
    "warnings": [{}],
}

GET_GRADE_ITEMS = Function(
    "gradereport_user_get_grade_items",
    {"courseid": int, "userid?": int, "groupid?": int},
    _get_grade_items,
    _SHAPE,
    version="2025041400",
)
