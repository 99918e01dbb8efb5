"""core_enrol_get_enrolled_users: the one list that can be read in pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edurelay_sandbox.moodle.arguments import lenient_integer
from edurelay_sandbox.moodle.errors import MoodleError, coding, invalid_parameter
from edurelay_sandbox.moodle.functions.call import Call, Function
from edurelay_sandbox.moodle.functions.users import account, profile, without_identity
from edurelay_sandbox.moodle.records import NAMED_ROLES, ROLE_IDS, SITE, TEACHING, Course, Enrolment, Person
from edurelay_sandbox.moodle.text import TextMode
from edurelay_sandbox.moodle.tokens import REVIEW

_ORDERS: dict[str, Callable[[Person], tuple[Any, ...]]] = {
    "id": lambda person: (person.id,),
    "firstname": lambda person: (person.firstname, person.lastname, person.id),
    "lastname": lambda person: (person.lastname, person.firstname, person.id),
    "siteorder": lambda person: (person.lastname, person.firstname, person.id),
}
#: Asked for by name although they are never told.
_SILENT_FIELDS = frozenset(
    {"suspended", "auth", "confirmed", "lang", "theme", "timezone", "mailformat", "phone1", "phone2"}
)


def _get_enrolled_users(call: Call, arguments: dict[str, Any]) -> Any:
    options = {option["name"]: option["value"] for option in arguments.get("options", ())}
    course = call.course(arguments["courseid"])
    only_active, only_suspended = _flag(options, "onlyactive"), _flag(options, "onlysuspended")
    order = options.get("sortby", "id")
    direction = options.get("sortdirection", "ASC").upper()
    if order not in _ORDERS or direction not in ("ASC", "DESC"):
        raise invalid_parameter()
    call.enter(course)
    if only_active and only_suspended:
        raise coding("Both onlyactive and onlysuspended are set, this is probably not what you want!")
    if only_active or only_suspended:
        call.need(REVIEW)
    people = _members(call, course, options, only_active, only_suspended)
    people.sort(key=_ORDERS[order], reverse=direction == "DESC")
    people = _page(call, people, options)
    fields = [field.strip() for field in options["userfields"].split(",")] if options.get("userfields") else None
    if people and fields is not None:
        for field in fields:
            if field not in _SHAPE and field not in _SILENT_FIELDS:
                raise MoodleError("invaliduserfield", f"Invalid user field: {field}")
    wanted = _SHAPE.keys() if fields is None else {"id", "fullname", *fields}
    return [_row(call, course, person, wanted) for person in people]


def _flag(options: dict[str, str], name: str) -> bool:
    return lenient_integer(options.get(name, "0")) != 0


def _members(call: Call, course: Course, options: dict[str, str], active: bool, suspended: bool) -> list[Person]:
    school = call.school
    if course.id == SITE:
        return [person for person in school.people.values() if not person.deleted]
    places = list(course.enrolments.values())
    if active or suspended:
        places = [place for place in places if place.active(call.now) is active]
    group = lenient_integer(options.get("groupid", "0"))
    if group:
        members = set(school.groups[group].members) if group in school.groups else set()
        places = [place for place in places if place.user in members]
    capability = options.get("withcapability")
    if capability:
        able = TEACHING if capability == "moodle/grade:viewall" else frozenset()
        places = [place for place in places if not able.isdisjoint(place.roles)]
    return [school.people[place.user] for place in places]


def _page(call: Call, people: list[Person], options: dict[str, str]) -> list[Person]:
    start = max(0, lenient_integer(options.get("limitfrom", "0")))
    number = max(0, lenient_integer(options.get("limitnumber", "0")))
    if start and call.shift:
        people = people[call.shift :]
    return people[start : start + number] if number else people[start:]


def _row(call: Call, course: Course, person: Person, wanted: Any) -> dict[str, Any]:
    if wanted == {"id", "fullname"}:
        return {"id": person.id, "fullname": person.fullname}
    place = course.enrolments.get(person.id, Enrolment(person.id, ()))
    row: dict[str, Any] = {}
    if not wanted <= _CONNECTED:
        row = account(call, person) | {"lastcourseaccess": 0}
        fields = profile(call, person, displayed=False)
        if fields:
            row["customfields"] = fields
    row |= {"id": person.id, "fullname": person.fullname}
    if place.groups and "groups" in wanted:
        row["groups"] = [_group(call, id_) for id_ in place.groups]
    row["roles"] = [
        {"roleid": ROLE_IDS[role], "name": NAMED_ROLES.get(role, ""), "shortname": role, "sortorder": 0}
        for role in place.roles
    ]
    if "enrolledcourses" in wanted and (courses := _courses(call, person)):
        row["enrolledcourses"] = courses
    return without_identity(call, {name: row[name] for name in _SHAPE if name in row and name in wanted})


def _group(call: Call, id_: int) -> dict[str, Any]:
    group = call.school.groups[id_]
    return {
        "id": id_,
        "name": call.text.name(group.name),
        "description": group.description,
        "descriptionformat": int(bool(group.description)),
    }


def _courses(call: Call, person: Person) -> list[dict[str, Any]]:
    """Return the visible courses in which a person is active; their names are always in one language."""
    text = TextMode(filtered=True)
    courses = (call.school.courses[id_] for id_ in call.school.places.get(person.id, ()))
    return [
        {"id": course.id, "fullname": text.name(course.fullname), "shortname": text.name(course.shortname)}
        for course in courses
        if course.visible and course.enrolments[person.id].active(call.now)
    ]


_CONNECTED = frozenset({"id", "fullname", "roles", "groups", "enrolledcourses"})
_SHAPE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "id", "username", "firstname", "lastname", "fullname", "email", "address", "phone1", "phone2",
            "department", "institution", "idnumber", "interests", "firstaccess", "lastaccess", "lastcourseaccess",
            "description", "descriptionformat", "city", "country", "profileimageurlsmall", "profileimageurl",
        )
    ),
    "customfields": [dict.fromkeys(("type", "value", "name", "shortname"))],
    "groups": [dict.fromkeys(("id", "name", "description", "descriptionformat"))],
    "roles": [dict.fromkeys(("roleid", "name", "shortname", "sortorder"))],
    "preferences": [{"name": None, "value": None}],
    "enrolledcourses": [dict.fromkeys(("id", "fullname", "shortname"))],
}  # fmt: skip

GET_ENROLLED_USERS = Function(
    "core_enrol_get_enrolled_users",
    {"courseid": int, "options?": [{"name": str, "value": str}]},
    _get_enrolled_users,
    [_SHAPE],
)
