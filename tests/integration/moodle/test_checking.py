"""The test of a connection names what is missing and what to do."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.sdk import AuthExpired, ConfigurationError, Throttled
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import HUB, MoodleSandbox, Token
from edurelay_sandbox.moodle.functions import FUNCTIONS
from edurelay_sandbox.moodle.tokens import EVERYTHING, GRADES, GROUPS, MINIMAL, REVIEW
from integration.moodle.driver import PlainHttp, connect


async def test_a_good_connection_is_ok_and_tells_the_release(url: str, http: PlainHttp) -> None:
    report = await connect(http, url).check()
    assert report.ok
    assert report.message == "Connection successful"
    assert report.details["release"].startswith("5.0")
    assert report.details["courses"] == 12


async def test_each_function_that_the_service_does_not_offer_is_named(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    missing = {"core_group_get_course_groups", "gradereport_user_get_grade_items"}
    sandbox.service.tokens.known[HUB] = Token(functions=frozenset(FUNCTIONS) - missing)
    report = await connect(http, url).check()
    assert not report.ok
    assert len(report.problems) == 2
    assert all(any(function in problem for problem in report.problems) for function in missing)


async def test_the_function_named_in_the_config_has_to_be_there(url: str, http: PlainHttp) -> None:
    report = await connect(http, url, wsFunction="local_school_hello").check()
    assert [problem for problem in report.problems if "local_school_hello" in problem]


async def test_completion_functions_are_needed_only_where_completions_are_read(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    without = frozenset(name for name in FUNCTIONS if "completion" not in name)
    sandbox.service.tokens.known[HUB] = Token(functions=without)
    assert (await connect(http, url).check()).ok
    assert len((await connect(http, url, completions=True).check()).problems) == 2


async def test_an_account_that_is_not_ready_is_found_although_the_site_tells_about_itself(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    sandbox.faults.add(Fault(FaultKind.UNREADY, requests=None))
    report = await connect(http, url).check()
    assert not report.ok
    assert "forcepasswordchange" in report.problems[0]


@pytest.mark.parametrize("right", [REVIEW, GROUPS, GRADES])
async def test_a_missing_right_is_named(right: str, sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.service.tokens.known[HUB] = Token(capabilities=EVERYTHING - {right})
    report = await connect(http, url).check()
    assert not report.ok
    assert any(right in problem for problem in report.problems)


async def test_a_hidden_course_that_may_not_be_seen_is_found(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.service.tokens.known[HUB] = Token("hubmin", MINIMAL)
    report = await connect(http, url).check()
    assert "viewhiddencourses" in report.message


async def test_an_unknown_token_is_an_authentication_error(url: str, http: PlainHttp) -> None:
    with pytest.raises(AuthExpired) as caught:
        await connect(http, url, token="0123456789abcdef").check()
    assert "0123456789abcdef" not in str(caught.value)


async def test_a_wrong_address_is_a_configuration_error(url: str, http: PlainHttp) -> None:
    with pytest.raises(ConfigurationError):
        await connect(http, f"{url}/somewhere").check()


async def test_maintenance_sets_the_connection_aside(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.faults.add(Fault(FaultKind.MAINTENANCE))
    with pytest.raises(Throttled) as caught:
        await connect(http, url).check()
    assert caught.value.seconds == 300


async def test_the_report_holds_no_secret(url: str, http: PlainHttp) -> None:
    report = await connect(http, url).check()
    assert "accesskey" not in str(report)
    assert HUB not in str(report)
