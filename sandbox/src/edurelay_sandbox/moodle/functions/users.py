"""core_user_get_users_by_field, and what all lists of people have in common."""

from __future__ import annotations

from typing import Any

from edurelay_sandbox.moodle.arguments import integer
from edurelay_sandbox.moodle.errors import coding, invalid_parameter
from edurelay_sandbox.moodle.functions.call import SITE_URL, Call, Function
from edurelay_sandbox.moodle.records import Person
from edurelay_sandbox.moodle.tokens import IDENTITY, PARTICIPANTS

_PROFILE_FIELDS = (("text", "RUT", "rut"), ("menu", "Curso", "curso"), ("checkbox", "Beca", "beca"))
_PRIVATE_FIELDS = (("text", "Nota interna", "oculto"),)

#: Left out of a row where they are empty.
_OPTIONAL = ("address", "institution", "idnumber", "city", "country")
#: Left out where the caller may not see who somebody is.
_IDENTITY = (
    "username",
    "email",
    "department",
    "institution",
    "idnumber",
    "auth",
    "confirmed",
    "lang",
    "theme",
    "mailformat",
    "trackforums",
)


def profile(call: Call, person: Person, *, displayed: bool) -> list[dict[str, str]]:
    """Return the custom fields in which a person has a value, with `displayvalue` where the list has it."""
    fields = []
    for kind, name, shortname in _PROFILE_FIELDS + (_PRIVATE_FIELDS if call.can(IDENTITY) else ()):
        value = person.profile.get(shortname)
        if value is None:
            continue
        shown = {"0": "No", "1": "Yes"}.get(value, value) if kind == "checkbox" else value
        display = {"displayvalue": shown} if displayed else {}
        fields.append({"type": kind, "value": value, **display, "name": name, "shortname": shortname})
    return fields


def account(call: Call, person: Person) -> dict[str, Any]:
    """Return what lists of people tell of an account, absent keys absent."""
    row: dict[str, Any] = {
        "id": person.id,
        "username": person.username,
        "firstname": person.firstname,
        "lastname": person.lastname,
        "fullname": person.fullname,
        "email": person.email,
        "address": person.address,
        "department": person.department,
        "institution": person.institution,
        "idnumber": person.idnumber,
        "firstaccess": person.firstaccess,
        "lastaccess": person.lastaccess,
        "description": person.description,
        "descriptionformat": 1,
        "city": person.city,
        "country": person.country,
        "profileimageurlsmall": f"{SITE_URL}/theme/image.php/boost/core/1/u/f2",
        "profileimageurl": f"{SITE_URL}/theme/image.php/boost/core/1/u/f1",
    }
    for name in _OPTIONAL:
        if not row[name]:
            row.pop(name)
    if not person.description:
        row.pop("description")
        row.pop("descriptionformat")
    return without_identity(call, row)


def without_identity(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    """Take out of a row what the caller may not see."""
    return row if call.can(IDENTITY) else {name: value for name, value in row.items() if name not in _IDENTITY}


def _by_field(call: Call, arguments: dict[str, Any]) -> Any:
    field, values = arguments["field"], arguments["values"]
    if field not in ("id", "idnumber", "username", "email"):
        raise coding("invalid field parameter")
    people = call.school.people
    if field == "id":
        found = {id_: people[id_] for value in values if (id_ := integer(value)) in people}
    else:
        if field == "username" and any(value != value.lower() for value in values):
            raise invalid_parameter()
        wanted = {value for value in values if value}
        found = {
            person.id: person for person in people.values() if not person.deleted and getattr(person, field) in wanted
        }
    if not call.can(PARTICIPANTS):
        return []
    return [_row(call, found[id_]) for id_ in sorted(found)]


def _row(call: Call, person: Person) -> dict[str, Any]:
    row = account(call, person) | without_identity(
        call,
        {
            "auth": person.auth,
            "suspended": person.suspended,
            "confirmed": person.confirmed,
            "lang": "en",
            "theme": "",
            "timezone": "99",
            "mailformat": 1,
            "trackforums": 0,
        },
    )
    fields = profile(call, person, displayed=True)
    if fields:
        row["customfields"] = fields
    return {name: row[name] for name in _SHAPE if name in row}


_SHAPE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "id", "username", "firstname", "lastname", "fullname", "email", "address", "phone1", "phone2",
            "department", "institution", "idnumber", "interests", "firstaccess", "lastaccess", "auth", "suspended",
            "confirmed", "lang", "calendartype", "theme", "timezone", "mailformat", "trackforums", "description",
            "descriptionformat", "city", "country", "profileimageurlsmall", "profileimageurl",
        )
    ),
    "customfields": [dict.fromkeys(("type", "value", "displayvalue", "name", "shortname"))],
    "preferences": [{"name": None, "value": None}],
}  # fmt: skip

BY_FIELD = Function("core_user_get_users_by_field", {"field": str, "values": [str]}, _by_field, [_SHAPE])
