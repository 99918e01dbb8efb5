"""core_course_get_courses and core_course_get_courses_by_field."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.errors import MoodleError, invalid_parameter
from edurelay_sandbox.moodle.functions.call import SITE_URL, Call, Function
from edurelay_sandbox.moodle.records import SITE, TEACHING, Course
from edurelay_sandbox.moodle.tokens import ALL_COURSES, HIDDEN_COURSES, UPDATE_COURSE

_CATEGORIES = {3: "Séptimo año", 4: "Octavo año & taller", 5: "Primero medio", 6: "Segundo medio"}
_SHIFTS = {1: "Mañana", 2: "Tarde"}


def _get_courses(call: Call, arguments: dict[str, Any]) -> Any:
    wanted = set(arguments.get("options", {}).get("ids", ()))
    courses = [call.school.courses[id_] for id_ in call.school.table if not wanted or id_ in wanted]
    for course in courses:
        call.enter(course)
        if course.id != SITE:
            call.need(ALL_COURSES)
    return [_managed(call, course) for course in courses]


def _managed(call: Call, course: Course) -> dict[str, Any]:
    summary, summaryformat = call.text.html(course.summary)
    name, site = call.text.name(course.fullname), course.id == SITE
    row: dict[str, Any] = {
        "id": course.id,
        "shortname": call.text.name(course.shortname),
        "categoryid": course.category,
        "fullname": name,
        "displayname": name,
        "summary": summary,
        "summaryformat": 0 if site else summaryformat,
        "format": course.format,
        "startdate": course.startdate,
        "enddate": course.enddate,
    }
    if call.can(UPDATE_COURSE):
        row |= {
            "categorysortorder": course.sortorder,
            "idnumber": course.idnumber,
            "showgrades": 1,
            "newsitems": 3 if site else 0,
            "numsections": 1 if site else 5,
            "maxbytes": 0,
            "showreports": 0,
            "visible": int(course.visible),
            **({} if site else {"hiddensections": 1}),
            "groupmode": course.groupmode,
            "groupmodeforce": 0,
            "defaultgroupingid": 0,
            "timecreated": course.timecreated,
            "timemodified": course.timemodified,
            "enablecompletion": int(course.completion),
            "completionnotify": 0,
            "lang": "",
            "forcetheme": "",
            "courseformatoptions": _format_options(course),
        }
    row["showactivitydates"] = True
    row["showcompletionconditions"] = None if site else True
    row["customfields"] = _custom_fields(course)
    return {name: row[name] for name in _MANAGED if name in row}


def _format_options(course: Course) -> list[dict[str, Any]]:
    if course.id == SITE:
        return [{"name": "numsections", "value": 1}]
    return [{"name": "hiddensections", "value": 1}, {"name": "coursedisplay", "value": 0}]


def _custom_fields(course: Course) -> list[dict[str, Any]]:
    shift, rest = course.shift, course.startdate if course.shift else 0
    fields = (
        ("Sede", "sede", "text", course.site, course.site or None),
        ("Jornada", "jornada", "select", shift, _SHIFTS.get(shift)),
        ("Bilingüe", "bilingue", "checkbox", int(bool(shift)), "Yes" if shift else "No"),
        ("Inicio real", "inicioreal", "date", rest, "2 March 2026" if rest else None),
        ("Observaciones", "obs", "textarea", "<p>Sala 3</p>" if shift else "", "<p>Sala 3</p>" if shift else None),
        ("Cupos", "cupos", "number", 35 if shift else None, "35" if shift else None),
    )
    keys = ("name", "shortname", "type", "valueraw", "value")
    return [dict(zip(keys, field, strict=True)) for field in fields]


def _by_field(call: Call, arguments: dict[str, Any]) -> Any:
    field, value = arguments.get("field", ""), arguments.get("value", "")
    courses = list(call.school.courses.values())
    if field == "ids":
        ids = [int(id_) for id_ in value.split(",") if id_.strip().isdigit()]
        if any(id_ not in call.school.courses for id_ in ids):
            raise MoodleError(None, 'Attempt to assign property "contextvalidated" on null', "Error")
        courses = [course for course in courses if course.id in ids]
    elif field == "id":
        courses = [course for course in courses if str(course.id) == value]
    elif field == "category":
        courses = [course for course in courses if str(course.category) == value]
    elif field in ("shortname", "idnumber"):
        courses = [course for course in courses if getattr(course, field) == value]
    elif field:
        raise invalid_parameter()
    seen = [course for course in courses if course.visible or call.can(HIDDEN_COURSES)]
    return {"courses": [_public(call, course) for course in seen], "warnings": []}


def _public(call: Call, course: Course) -> dict[str, Any]:
    summary, summaryformat = call.text.html(course.summary)
    name, site = call.text.name(course.fullname), course.id == SITE
    teachers = [user for user, place in course.enrolments.items() if not TEACHING.isdisjoint(place.roles)]
    row: dict[str, Any] = {
        "id": course.id,
        "fullname": name,
        "displayname": name,
        "shortname": call.text.name(course.shortname),
        "courseimage": f"{SITE_URL}/pluginfile.php/{course.id}/course/generated/course.svg",
        "categoryid": course.category,
        "categoryname": call.text.name(_CATEGORIES.get(course.category, "")),
        "sortorder": course.sortorder,
        "summary": summary,
        "summaryformat": 0 if site else summaryformat,
        "summaryfiles": [],
        "overviewfiles": [],
        "showactivitydates": True,
        "showcompletionconditions": None if site else True,
        "contacts": [{"id": user, "fullname": call.school.people[user].fullname} for user in teachers],
        "enrollmentmethods": ["manual"] if course.manual else [],
        "customfields": _custom_fields(course),
        "idnumber": course.idnumber,
        "format": course.format,
        "showgrades": 1,
        "newsitems": 3 if site else 0,
        "startdate": course.startdate,
        "enddate": course.enddate,
        "maxbytes": 0,
        "showreports": 0,
        "visible": int(course.visible),
        "groupmode": course.groupmode,
        "groupmodeforce": 0,
        "defaultgroupingid": 0,
        "enablecompletion": int(course.completion),
        "completionnotify": 0,
        "lang": "",
        "theme": "",
        "marker": 0,
        "legacyfiles": 0,
        "calendartype": "",
        "timecreated": course.timecreated,
        "timemodified": course.timemodified,
        "requested": 0,
        "cacherev": course.timemodified,
        "filters": [{"filter": "multilang", "localstate": 0, "inheritedstate": 1}],
        "courseformatoptions": _format_options(course),
    }
    if not call.can(UPDATE_COURSE):
        for name in ("idnumber", "timecreated", "timemodified", "cacherev", "requested", "legacyfiles"):
            row.pop(name)
        row.pop("calendartype")
        row.pop("courseformatoptions")
    return row


_FIELD_SHAPE = [dict.fromkeys(("name", "shortname", "type", "valueraw", "value"))]
_MANAGED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "id", "shortname", "categoryid", "categorysortorder", "fullname", "displayname", "idnumber", "summary",
            "summaryformat", "format", "showgrades", "newsitems", "startdate", "enddate", "numsections", "maxbytes",
            "showreports", "visible", "hiddensections", "groupmode", "groupmodeforce", "defaultgroupingid",
            "timecreated", "timemodified", "enablecompletion", "completionnotify", "lang", "forcetheme",
        )
    ),
    "courseformatoptions": [{"name": None, "value": None}],
    "showactivitydates": None,
    "showcompletionconditions": None,
    "customfields": _FIELD_SHAPE,
}  # fmt: skip
_PUBLIC: dict[str, Any] = {
    **dict.fromkeys(
        (
            "id", "fullname", "displayname", "shortname", "courseimage", "categoryid", "categoryname", "sortorder",
            "summary", "summaryformat",
        )
    ),
    "summaryfiles": [{}],
    "overviewfiles": [{}],
    "showactivitydates": None,
    "showcompletionconditions": None,
    "contacts": [{"id": None, "fullname": None}],
    "enrollmentmethods": [None],
    "customfields": _FIELD_SHAPE,
    **dict.fromkeys(
        (
            "idnumber", "format", "showgrades", "newsitems", "startdate", "enddate", "maxbytes", "showreports",
            "visible", "groupmode", "groupmodeforce", "defaultgroupingid", "enablecompletion", "completionnotify",
            "lang", "theme", "marker", "legacyfiles", "calendartype", "timecreated", "timemodified", "requested",
            "cacherev",
        )
    ),
    "filters": [dict.fromkeys(("filter", "localstate", "inheritedstate"))],
    "courseformatoptions": [{"name": None, "value": None}],
}  # fmt: skip

GET_COURSES = Function("core_course_get_courses", {"options?": {"ids?": [int]}}, _get_courses, [_MANAGED])
BY_FIELD = Function(
    "core_course_get_courses_by_field",
    {"field?": str, "value?": str},
    _by_field,
    {"courses": [_PUBLIC], "warnings": [{}]},
)
