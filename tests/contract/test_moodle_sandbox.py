"""The sandbox's Moodle answers like a real one: each recorded request is sent to it, and the answers are compared.

The values differ, because the schools differ. What has to agree: status, content type, error class, code and
message, the kind of every value, which keys are there, and whether a list is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import ADMIN, HUB, MoodleSandbox, School, Token
from edurelay_sandbox.moodle.functions import FUNCTIONS
from edurelay_sandbox.moodle.records import Enrolment, Person
from edurelay_sandbox.moodle.tokens import MINIMAL

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "providers" / "moodle-recorded"


def _refused(code: str, username: str, reason: str) -> Token:
    return Token(username, refusal=code, message=f"Refused web service access for {reason} username: {username}")


#: Tokens of the recordings, as the sandbox knows them.
TOKENS = {
    "hub": Token(),
    "admin": Token("admin", administrator=True),
    "hubmin": Token("hubmin", MINIMAL),
    "hubrest": Token("hubrest", frozenset()),
    "small": Token(functions=frozenset({"core_webservice_get_site_info"})),
    "expired": Token(expired=True),
    "susp": _refused("wsaccessusersuspended", "hubsusp", "suspended"),
    "del": _refused("wsaccessuserdeleted", "hubdel", "deleted"),
    "unconf": _refused("wsaccessuserunconfirmed", "hubunconf", "unconfirmed"),
    "nologin": _refused("wsaccessusernologin", "hubnologin", "nologin authentication"),
    **dict.fromkeys(("off", "capsvc", "restricted_other", "ip", "norest"), Token(refusal="accessexception")),
}
PASSWORD = "PASSWORD-1"

#: The state of the site in which a case was recorded, as the sandbox's fault.
STATES = {
    "maintenance-mode": Fault(FaultKind.MAINTENANCE),
    "maintenance-invalid-token": Fault(FaultKind.MAINTENANCE),
    "maintenance-mode-admin-token": Fault(FaultKind.MAINTENANCE),
    "cli-maintenance": Fault(FaultKind.STATUS, status=503, retry_after="300"),
    "cli-maintenance-xml": Fault(FaultKind.STATUS, status=503, retry_after="300"),
    "webservices-off-globally": Fault(FaultKind.SWITCHED_OFF),
    "webservices-off-globally-xml": Fault(FaultKind.SWITCHED_OFF),
    "rest-protocol-off": Fault(FaultKind.SWITCHED_OFF),
    "user-must-change-password": Fault(FaultKind.UNREADY),
    "other-host-name-post": Fault(FaultKind.REDIRECT),
}

#: What the sandbox does not simulate: patterns of case names, each with the reason.
LEFT_OUT = {
    r".*@4\.5": "an older release",
    r".*debugging-on.*": "a site that debugs",
    r".*(student|teacher)-(token|own|all|other|groups).*": "tokens of students and teachers",
    r".*(own|other)-student-token|.*-course-student|.*--all-student": "tokens of students and teachers",
    r".*separate-groups-(student|teacher)|.*showgrades-off-student": "tokens of students and teachers",
    r".*--after-.*": "a state left by functions that the sandbox has not",
    r".*(hiddenuserfields|showuseridentity).*": "settings of identity fields",
    r".*(required-profile-field-empty|site-policy-not-agreed|user-without-email)": "like a forced password change",
    r".*get-url-too-long|.*other-host-name-get": "the web server in front of Moodle",
    r".*more-than-max_input_vars|.*body-over-post_max_size": "tested below with a body of its own",
    r".*validity-.*": "dates of allowed users, which Moodle reads the wrong way round",
    r".*token-expired-.*": "tested below, in order",
    r".*user-never-enrolled|.*unenrolled-user-with-history": "accounts that only the recorded school has",
    r"core_course_get_courses_by_field--sectionid": "sections",
    r"login_token--(maintenance|restricted.*|service-disabled|webservices-off)": "settings of services",
    r"login_token--(student-without.*|ok-admin|password-trailing.*)": "particular passwords",
    r"gradereport.*--(letters-course|one-user-.*)": "particular grades of the recorded school",
    r"core_completion_get_course.*--self-criterion-complete": "completion by the person's own word",
    r"enrol_manual.*--concurrent.*": "races",
}


def _recordings() -> list[Any]:
    served = {*FUNCTIONS, "_transport", "login_token"}
    cases = []
    for path in sorted(RECORDINGS.glob("*--*.json")):
        if path.name.partition("--")[0] not in served:
            continue
        reason = next((reason for pattern, reason in LEFT_OUT.items() if re.fullmatch(pattern, path.stem)), None)
        marks = [pytest.mark.skip(reason=f"not simulated: {reason}")] if reason else []
        cases.append(pytest.param(path.stem, id=path.stem, marks=marks))
    return cases


def _recording(name: str) -> Any:
    return json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))


pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"there are no recordings at {RECORDINGS}")


def _school() -> School:
    """A school that resembles the recorded one where the recorded requests ask for particular ids."""
    school = School.generate(1, students=120, courses=12, teachers=8, grade_items=2)
    for user in range(3, 123):
        suspended = user >= 118 and user != 121
        roles = ("student", "delegado") if user == 9 else ("student",)
        known = school.courses[2].enrolments.get(user)
        school.enrol(2, Enrolment(user, roles, suspended=suspended, groups=known.groups if known else []))
    for user in (123, 124):
        school.enrol(2, Enrolment(user, ("editingteacher",)))
    school.unenrol(5, 3)
    school.courses[5].activities.clear()
    school.courses[7].shortname = "ART-8B"
    for user in (131, 134, 141):
        school.people[user] = Person(user, f"x{user}", "Nuevo", "", f"x{user}@alumnos.example", profile={"beca": "0"})
    school.delete(131)
    return school


@pytest_asyncio.fixture(loop_scope="session")
async def moodle() -> AsyncIterator[tuple[MoodleSandbox, str, aiohttp.ClientSession]]:
    """A sandbox for one test, its address, and a client that changes nothing on its way."""
    sandbox = MoodleSandbox(_school(), password=PASSWORD)
    sandbox.service.tokens.known = {_token(name): token for name, token in TOKENS.items()}
    sandbox.service.tokens.known[_token("expired")] = Token(expired=True)
    async with sandbox.serving() as url, aiohttp.ClientSession(auto_decompress=False) as session:
        yield sandbox, url, session


def _token(name: str) -> str:
    return {"hub": HUB, "admin": ADMIN}.get(name, f"token-of-{name}")


@pytest.mark.parametrize("name", _recordings())
async def test_a_recorded_request_gets_an_answer_of_the_recorded_kind(
    name: str, moodle: tuple[MoodleSandbox, str, aiohttp.ClientSession]
) -> None:
    sandbox, url, session = moodle
    recording = _recording(name)
    function, _, case = name.partition("--")
    if case in STATES:
        state = STATES[case]
        sandbox.faults.add(Fault(state.kind, status=state.status, retry_after=state.retry_after))
    answer = await _send(session, url, recording["request"])
    async with answer:
        body = await answer.read()
    assert answer.status == recording["status"]
    _compare_headers(answer.headers, recording["headers"])
    if recording["body_is_json"]:
        _compare_json(function, recording, json.loads(body))
        assert b"\\/" in body or b"/" not in body, "slashes are escaped"
        assert body.isascii(), "everything beyond ASCII is escaped"
    elif answer.headers["Content-Type"].startswith("application/xml"):
        _compare_xml(recording["body"], body.decode())
    elif not recording["body"]:
        assert not body


async def test_an_expired_token_is_refused_once_and_then_unknown(
    moodle: tuple[MoodleSandbox, str, aiohttp.ClientSession],
) -> None:
    _, url, session = moodle
    for case in ("token-expired-first-use", "token-expired-second-use"):
        recording = _recording(f"core_webservice_get_site_info--{case}")
        async with await _send(session, url, recording["request"]) as answer:
            assert await answer.json() == recording["body"]


async def test_variables_beyond_the_limit_are_dropped_without_a_word(
    moodle: tuple[MoodleSandbox, str, aiohttp.ClientSession],
) -> None:
    _, url, session = moodle
    values = {f"values[{number}]": str(100_000 + number) for number in range(5_200)} | {"values[5200]": "3"}
    form = _head("core_user_get_users_by_field") | {"field": "id"} | values
    async with session.post(f"{url}/webservice/rest/server.php", data=form) as answer:
        assert (answer.status, await answer.json()) == (200, [])


async def test_a_body_beyond_the_limit_loses_token_and_format(
    moodle: tuple[MoodleSandbox, str, aiohttp.ClientSession],
) -> None:
    _, url, session = moodle
    form = BytesIO(urlencode(_head("core_webservice_get_site_info") | {"x": "a" * 9 * 1024 * 1024}).encode())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with session.post(f"{url}/webservice/rest/server.php", data=form, headers=headers) as answer:
        assert "<ERRORCODE>invalidtoken</ERRORCODE>" in await answer.text()


async def test_no_function_is_served_that_was_never_recorded() -> None:
    recorded = {path.name.partition("--")[0] for path in RECORDINGS.glob("*--*.json")}
    assert recorded.issuperset(FUNCTIONS)


def _head(function: str) -> dict[str, str]:
    return {"wstoken": HUB, "wsfunction": function, "moodlewsrestformat": "json"}


async def _send(session: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> aiohttp.ClientResponse:
    """Send a recorded request, byte by byte where it was recorded that way."""
    headers = {name: _with_tokens(value) for name, value in request.get("headers", {}).items() if name != "Host"}
    data: bytes | None
    if "form" in request:
        pairs = request["form"].items() if isinstance(request["form"], dict) else request["form"]
        data = urlencode([(name, _with_tokens(value)) for name, value in pairs]).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    else:
        data = _with_tokens(request["body"]).encode() if request.get("body") else None
    path = _with_tokens(request["path"])
    if "query" in request:
        path += "?" + _with_tokens("&".join(f"{name}={value}" for name, value in request["query"].items()))
    return await session.request(
        request["method"],
        f"{url}{path}",
        data=data,
        headers=headers,
        allow_redirects=False,
        skip_auto_headers=("Content-Type",),
    )


def _with_tokens(text: str) -> str:
    return re.sub(r"<TOKEN:(\w+)>", lambda match: _token(match[1]), text)


def _compare_headers(answered: Any, recorded: dict[str, str]) -> None:
    for name in ("content-type", "content-disposition", "retry-after", "access-control-allow-origin"):
        if name == "access-control-allow-origin" and "application/" not in recorded["content-type"]:
            continue
        assert answered.get(name, "").lower() == recorded.get(name, answered.get(name, "")).lower(), name


def _compare_json(function: str, recording: dict[str, Any], answered: Any) -> None:
    recorded = recording["body"]
    if isinstance(recorded, dict) and ({"exception", "error"} & recorded.keys()):
        assert _without_numbers(answered) == _without_numbers(recorded)
        return
    types = _recording("_observed-types")["functions"].get(function, {})
    assert _kinds(answered) <= _kinds(recorded) | _observed(types)
    rows, recorded_rows = _objects(answered), _objects(recorded)
    for place, objects in rows.items():
        told = [row.keys() for row in recorded_rows.get(place, ())]
        if not told:
            continue
        everything = set(told[0]).union(*told)
        sometimes = {name for name in everything if "absent" in types.get(f"{place}.{name}", "")}
        always = set(told[0]).intersection(*told) - sometimes
        possible = everything | {path.rpartition(".")[2] for path, kind in types.items() if "absent" in kind}
        for row in objects:
            assert always <= row.keys() <= possible, place
    for place in ("$", "$.usergrades", "$.statuses", "$.courses", "$.completionstatus.completions"):
        full, recorded_full = _at(answered, place), _at(recorded, place)
        if isinstance(recorded_full, list):
            assert bool(full) == bool(recorded_full), f"{place} is empty in one of them"


def _without_numbers(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"message": re.sub(r"course id:\d+", "course id:N", body.get("message", ""))}


def _walk(value: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    yield place, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{place}[]")


_NAMES = {dict: "object", list: "array", str: "string", bool: "bool", int: "int", float: "float", type(None): "null"}


def _kinds(value: Any) -> set[tuple[str, str]]:
    return {(place, _NAMES[type(inner)]) for place, inner in _walk(value)}


def _observed(types: dict[str, str]) -> set[tuple[str, str]]:
    pairs = {(place, kind) for place, told in types.items() for kind in told.partition(" ")[0].split("|")}
    return pairs | {(place, "float") for place, kind in pairs if kind == "int" and "grade" in place}


def _objects(value: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for place, inner in _walk(value):
        if isinstance(inner, dict):
            found.setdefault(place, []).append(inner)
    return found


def _at(value: Any, place: str) -> Any:
    for name in place.split(".")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _compare_xml(recorded: str, answered: str) -> None:
    """Compare the outline: the tags up to the first value, and the keys of the first record, in order."""
    if "<EXCEPTION" in recorded or "<KEY" not in recorded:
        assert answered == recorded
        return
    assert answered.partition("<KEY")[0] == recorded.partition("<KEY")[0]
    told = list(dict.fromkeys(re.findall(r'<KEY name="(\w+)">', recorded)))
    given = list(dict.fromkeys(re.findall(r'<KEY name="(\w+)">', answered)))
    assert [name for name in given if name in told] == told
