"""From Moodle's records to entities. Pure.

Only what means something is taken over: addresses of pictures change with each purge of a cache, `timemodified`
moves with writes that change nothing, formatted grades depend on the language. A record that did not change must
become an entity that did not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edurelay.model import Completion, Course, Enrollment, Entity, Grade, Group, Student, Teacher
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.custom_fields import course_fields, profile_fields, school_number
from edurelay_connector_runner.connectors.moodle.fields import (
    Fields,
    entity,
    escaped,
    fields,
    flag,
    identity,
    instant,
    long_text,
    member,
    moment,
    number,
    text,
    without_none,
)
from edurelay_connector_runner.connectors.moodle.roles import is_student, is_teacher, role_names
from edurelay_connector_runner.sdk import BadRecord

_STATES = {0: "incomplete", 1: "complete", 2: "passed", 3: "failed"}
#: How Moodle adds up the criteria of a course: all of them, or any.
_ANY = 2


def convert(stream: str, raw: Any, config: MoodleConfig) -> tuple[str, Entity]:
    """Return the external id and the entity of a record. Raises `BadRecord`."""
    converter = _CONVERTERS.get(stream)
    if converter is None:
        raise BadRecord(f"Moodle has no stream {stream}")
    return converter(fields(raw), config)


def _course(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    extra = {
        "category": raw.get("categoryid") if isinstance(raw.get("categoryid"), int) else None,
        "completion": flag(raw, "enablecompletion") if raw.get("enablecompletion") is not None else None,
        "custom": course_fields(raw) or None,
        "format": text(raw, "format"),
        "idnumber": text(raw, "idnumber"),
    }
    return identity(raw), entity(
        Course,
        name=escaped(raw, "fullname") or escaped(raw, "shortname"),
        code=escaped(raw, "shortname"),
        description=long_text(raw, "summary"),
        active=flag(raw, "visible", default=True),
        starts_at=moment(raw, "startdate"),
        ends_at=moment(raw, "enddate"),
        extra=without_none(extra),
    )


def _group(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    extra = {"participation": raw.get("participation"), "visibility": raw.get("visibility")}
    return identity(raw), entity(
        Group,
        name=escaped(raw, "name"),
        code=text(raw, "idnumber"),
        description=long_text(raw, "description"),
        course=identity(raw, "courseid"),
        extra=without_none({name: value for name, value in extra.items() if isinstance(value, int)}),
    )


def _student(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    return identity(raw), entity(Student, **_person(raw, config))


def _teacher(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    return identity(raw), entity(Teacher, **_person(raw, config))


def _person(raw: Fields, config: MoodleConfig) -> dict[str, Any]:
    given, family = text(raw, "firstname"), text(raw, "lastname")
    kept = (
        "address",
        "auth",
        "city",
        "country",
        "department",
        "idnumber",
        "institution",
        "interests",
        "phone1",
        "phone2",
    )
    extra = {name: text(raw, name) for name in kept}
    confirmed = None if raw.get("confirmed") is None else flag(raw, "confirmed")
    return {
        "name": text(raw, "fullname") or " ".join(part for part in (given, family) if part),
        "given_name": given,
        "family_name": family,
        "email": text(raw, "email"),
        "username": text(raw, "username"),
        "number": school_number(raw, config.identity_field),
        "active": not flag(raw, "suspended"),
        "extra": without_none({**extra, "confirmed": confirmed, "profile": profile_fields(raw) or None}),
    }


def _enrollment(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    course, person = identity(raw, "course"), member(raw, "user")
    user, roles = identity(person), role_names(dict(person))
    learns, teaches = is_student(dict(person), config), is_teacher(dict(person), config)
    if not learns and not teaches:
        raise BadRecord("none of the person's roles in the course makes a student or a teacher", field="user.roles")
    groups = _groups(person)
    return f"{course}:{user}", entity(
        Enrollment,
        role="teacher" if teaches else "student",
        active=flag(raw, "active", default=True),
        student=user if learns else None,
        teacher=user if teaches else None,
        course=course,
        group=groups[0] if len(groups) == 1 else None,
        extra=without_none({"groups": groups or None, "roles": roles}),
    )


def _groups(person: Fields) -> list[str]:
    """Return the ids of a person's groups in a course; the key is absent where there are none."""
    groups = person.get("groups")
    if groups is None:
        return []
    if not isinstance(groups, list):
        raise BadRecord("this is no list", field="user.groups")
    return sorted({identity(fields(group)) for group in groups}, key=int)


def _grade(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    course, user, item = identity(raw, "course"), identity(raw, "user"), member(raw, "item")
    item_id, kind = identity(item), text(item, "itemtype") or "item"
    extra = {
        "activity": text(item, "itemmodule"),
        "cmid": None if item.get("cmid") is None else identity(item, "cmid"),
        "hidden": flag(item, "gradeishidden"),
        "idnumber": text(item, "idnumber"),
        "item_id": item_id,
        "item_type": kind,
        "locked": flag(item, "gradeislocked"),
        "overridden": flag(item, "gradeisoverridden"),
        "submitted_at": moment(item, "gradedatesubmitted"),
    }
    score = number(item, "graderaw")
    if score is None:
        raise BadRecord("the item has no value", field="item.graderaw")
    return f"{course}:{item_id}:{user}", entity(
        Grade,
        item=text(item, "itemname") or f"{kind} total",
        score=score,
        minimum=number(item, "grademin"),
        maximum=number(item, "grademax"),
        graded_at=moment(item, "gradedategraded"),
        student=user,
        course=course,
        extra=without_none(extra),
    )


def _completion(raw: Fields, config: MoodleConfig) -> tuple[str, Entity]:
    course, user = identity(raw, "course"), identity(raw, "user")
    if "whole" in raw:
        at = _completed_at(member(raw, "whole"))
        whole = entity(Completion, item="course", state="complete", completed_at=at, student=user, course=course)
        return f"{course}:course:{user}", whole
    activity = member(raw, "activity")
    cmid, kind = identity(activity, "cmid"), text(activity, "modname") or "activity"
    state = activity.get("state")
    if isinstance(state, bool) or not isinstance(state, int) or state not in _STATES:
        raise BadRecord("this is no state of completion", field="activity.state")
    return f"{course}:{cmid}:{user}", entity(
        Completion,
        item=f"{kind} {cmid}",
        state=_STATES[state],
        completed_at=moment(activity, "timecompleted"),
        student=user,
        course=course,
        extra={"activity": kind, "cmid": cmid},
    )


def _completed_at(whole: Fields) -> str | None:
    """Return when a course was completed, which Moodle does not tell: with its last criterion, or with its first
    where any will do."""
    times = whole.get("times")
    if not isinstance(times, list):
        raise BadRecord("this is no list", field="whole.times")
    moments = sorted(told for time in times if (told := instant(time, "whole.times")) is not None)
    if not moments:
        return None
    return moments[0] if whole.get("aggregation") == _ANY else moments[-1]


_CONVERTERS: dict[str, Callable[[Fields, MoodleConfig], tuple[str, Entity]]] = {
    "courses": _course,
    "groups": _group,
    "students": _student,
    "teachers": _teacher,
    "enrollments": _enrollment,
    "grades": _grade,
    "completions": _completion,
}
