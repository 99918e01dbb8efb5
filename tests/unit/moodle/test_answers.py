"""Each answer of Moodle, and of whatever stands before it, becomes a value or the right error."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.moodle.answers import decode, seconds_to_wait
from edurelay_connector_runner.connectors.moodle.failures import (
    Closed,
    Gone,
    NoCriteria,
    NotTracked,
    NotViewable,
    failure,
)
from edurelay_connector_runner.sdk import (
    AuthExpired,
    ConfigurationError,
    ConnectorError,
    HttpAnswer,
    NotPermitted,
    Permanent,
    Throttled,
    Transient,
)

#: The machine may be busy with other things; that says nothing about the rule.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _answer(body: bytes, status: int = 200, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_null_is_an_answer() -> None:
    assert decode("enrol_manual_enrol_users", _answer(b"null")) is None


@pytest.mark.parametrize("body", [b"", b"<html>proxy</html>", b'{"a": ', b"<br />\n<b>Warning</b>[]", b"\xff\xfe"])
def test_what_is_no_json_may_pass(body: bytes) -> None:
    with pytest.raises(Transient):
        decode("f", _answer(body))


def test_an_error_in_xml_means_that_the_form_was_lost() -> None:
    body = b'<?xml version="1.0" encoding="UTF-8" ?>\n<EXCEPTION class="x">\n<ERRORCODE>invalidtoken</ERRORCODE>'
    with pytest.raises(ConfigurationError, match="without its form"):
        decode("f", _answer(body))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalidtoken", AuthExpired),
        ("wsaccessuserdeleted", AuthExpired),
        ("wsaccessuserexpired", AuthExpired),
        ("accessexception", NotPermitted),
        ("nopermissions", NotPermitted),
        ("nopermissiontoviewgrades", NotPermitted),
        ("notingroup", NotPermitted),
        ("cannotviewreport", NotViewable),
        ("requireloginerror", NotPermitted),
        ("errorcoursecontextnotvalid", Closed),
        ("sitemaintenance", Throttled),
        ("invalidrecord", Gone),
        ("invalidrecordunknown", Gone),
        ("invaliduser", Gone),
        ("userdeleted", Gone),
        ("usernotenroled", NotTracked),
        ("nocriteriaset", NoCriteria),
        ("dmlwriteexception", Transient),
        ("dmlreadexception", Transient),
        ("invalidparameter", Permanent),
        ("codingerror", Permanent),
        ("somethingnew", Permanent),
    ],
)
def test_an_errorcode_says_what_has_to_happen_next(code: str, expected: type[ConnectorError]) -> None:
    body = orjson.dumps({"exception": "core\\exception\\moodle_exception", "errorcode": code, "message": "…"})
    with pytest.raises(ConnectorError) as caught:
        decode("f", _answer(body))
    assert isinstance(caught.value, expected)


def test_the_class_of_an_exception_does_not_count() -> None:
    for name in ("moodle_exception", "core\\exception\\moodle_exception", "core_external\\x", ""):
        assert isinstance(failure("f", {"exception": name, "errorcode": "invalidtoken"}), AuthExpired)


def test_the_sql_of_a_debugging_site_is_not_passed_on() -> None:
    debug = "SELECT * FROM {user} WHERE secret = 1"
    for code in ("nopermissions", "errorcoursecontextnotvalid", "invalidrecord", "codingerror", "dmlreadexception"):
        body = {"exception": "x", "errorcode": code, "message": f"Refused ({debug})", "debuginfo": debug}
        assert "SELECT" not in str(failure("f", body))


def test_links_in_messages_lose_their_markup() -> None:
    message = 'Site policy not agreed: <a href="https://moodle.example/user/policy.php">Click here</a>'
    told = str(failure("f", {"exception": "x", "errorcode": "errorcoursecontextnotvalid", "message": message}))
    assert "policy not agreed: Click here" in told
    assert "<a" not in told


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://right.example/moodle/webservice/rest/server.php?wstoken=secret", "https://right.example/moodle"),
        ("", "another address"),
        ("https://[broken", "another address"),
        ("/login/index.php", "another address"),
    ],
)
def test_a_redirect_tells_where_to_without_its_query(location: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decode("f", _answer(b"", 303, location=location))
    assert named in str(caught.value)
    assert "secret" not in str(caught.value)


def test_retry_after_is_seconds_or_a_date_and_never_more_than_a_day() -> None:
    assert seconds_to_wait("120") == 120
    assert seconds_to_wait("99999999999999999999") == 86_400
    assert seconds_to_wait(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)) == pytest.approx(
        3600, abs=5
    )
    assert seconds_to_wait("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert seconds_to_wait(None) is None
    assert seconds_to_wait("soon") is None
    assert seconds_to_wait("-5") is None


errors = st.dictionaries(
    st.sampled_from(["exception", "errorcode", "message", "debuginfo"]), st.none() | st.text() | st.integers(-9, 9)
)


@settings(UNHURRIED)
@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=200) | errors.map(orjson.dumps),
    header=st.none() | st.text(max_size=30),
)
def test_no_answer_makes_anything_but_a_value_or_a_connector_error(
    status: int, body: bytes, header: str | None
) -> None:
    headers = {} if header is None else {"retry-after": header, "location": header}
    with suppress(ConnectorError):
        decode("f", HttpAnswer(status, headers, body))
