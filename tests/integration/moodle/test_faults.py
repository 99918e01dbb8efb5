"""Whatever goes wrong at the provider becomes the error that says what has to happen next, and tells no secret."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from edurelay_connector_runner.sdk import (
    AuthExpired,
    ConfigurationError,
    ConnectorError,
    Permanent,
    Throttled,
    Transient,
)
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import HUB, MoodleSandbox
from integration.moodle.driver import PlainHttp, connect, read_everything, read_stream

FAULTS = [
    (Fault(FaultKind.STATUS, status=500), Transient),
    (Fault(FaultKind.STATUS, status=502), Transient),
    (Fault(FaultKind.STATUS, status=504), Transient),
    (Fault(FaultKind.STATUS, status=503), Transient),
    (Fault(FaultKind.STATUS, status=503, retry_after="300"), Throttled),
    (Fault(FaultKind.STATUS, status=429, retry_after="7"), Throttled),
    (Fault(FaultKind.STATUS, status=429), Throttled),
    (Fault(FaultKind.STATUS, status=404), ConfigurationError),
    (Fault(FaultKind.STATUS, status=401), ConfigurationError),
    (Fault(FaultKind.STATUS, status=400), Permanent),
    (Fault(FaultKind.MAINTENANCE), Throttled),
    (Fault(FaultKind.SWITCHED_OFF), ConfigurationError),
    (Fault(FaultKind.REDIRECT), ConfigurationError),
    (Fault(FaultKind.UNREADY), ConfigurationError),
    (Fault(FaultKind.HTML), Transient),
    (Fault(FaultKind.BROKEN_JSON), Transient),
    (Fault(FaultKind.CUT), Transient),
    (Fault(FaultKind.ERROR, errorcode="invalidtoken"), AuthExpired),
    (Fault(FaultKind.ERROR, errorcode="wsaccessusersuspended"), AuthExpired),
    (Fault(FaultKind.ERROR, errorcode="accessexception"), ConfigurationError),
    (Fault(FaultKind.ERROR, errorcode="nopermissions"), ConfigurationError),
    (Fault(FaultKind.ERROR, errorcode="dmlreadexception"), Transient),
    (Fault(FaultKind.ERROR, errorcode="codingerror"), Permanent),
    (Fault(FaultKind.ERROR, errorcode=None, exception="Error"), Permanent),
]


def _name(value: Fault | type[ConnectorError]) -> str:
    if not isinstance(value, Fault):
        return value.__name__
    detail = {FaultKind.STATUS: value.status, FaultKind.ERROR: value.errorcode}.get(value.kind)
    return value.kind if detail is None else f"{value.kind}-{detail}"


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=_name)
@pytest.mark.parametrize("stream", ["courses", "groups", "students", "enrollments", "grades"])
async def test_a_fault_becomes_the_error_that_says_what_has_to_happen_next(
    fault: Fault, expected: type[ConnectorError], stream: str, sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault.parse(fault.document() | {"requests": 1}))
    with pytest.raises(ConnectorError) as caught:
        await read_stream(connect(http, url), stream)
    assert isinstance(caught.value, expected)
    assert HUB not in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.EXPIRED_TOKEN])
async def test_after_a_fault_the_next_read_is_whole(
    kind: FaultKind, sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    whole = await read_stream(connect(http, url), "groups")
    sandbox.faults.add(Fault(kind, seconds=0.01))
    with suppress(ConnectorError):
        await read_stream(connect(http, url), "groups")
    sandbox.faults.clear()
    assert (await read_stream(connect(http, url), "groups")).entities == whole.entities


async def test_an_expired_token_says_configuration_first_and_then_authentication(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.EXPIRED_TOKEN))
    with pytest.raises(ConfigurationError, match="expired"):
        await read_stream(connect(http, url), "courses")
    with pytest.raises(AuthExpired):
        await read_stream(connect(http, url), "courses")


async def test_a_slow_site_is_left_after_the_time_limit(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.faults.add(Fault(FaultKind.SLOW, seconds=1.5))
    with pytest.raises(Transient):
        await read_stream(connect(http, url, timeoutSeconds=1), "courses")


async def test_retry_after_is_understood_in_both_its_forms(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    for retry_after in ("300", date):
        sandbox.faults.add(Fault(FaultKind.STATUS, status=503, retry_after=retry_after))
        with pytest.raises(Throttled) as caught:
            await read_stream(connect(http, url), "courses")
        assert caught.value.seconds == pytest.approx(300, abs=60)


async def test_a_redirect_names_the_right_address_and_is_not_followed(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    location = f"https://www.school.example/moodle/webservice/rest/server.php?wstoken={HUB}"
    sandbox.faults.add(Fault(FaultKind.REDIRECT, location=location))
    with pytest.raises(ConfigurationError, match=r"https://www\.school\.example/moodle") as caught:
        await read_stream(connect(http, url), "courses")
    assert HUB not in str(caught.value)
    assert len(http.forms) == 1


async def test_requests_side_by_side_are_bounded(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.faults.add(Fault(FaultKind.SLOW, seconds=0.005, requests=None))
    await read_everything(connect(http, url, concurrency=3, gradesAtOnce=1))
    assert sandbox.traffic.at_once == 3


async def test_leaving_a_stream_early_leaves_no_request_behind(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.SLOW, seconds=0.02, requests=None))
    await read_stream(connect(http, url, pageSize=10), "enrollments", stop_after=1)
    running = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    assert not {name for name in running if name.startswith("Walk.")}
