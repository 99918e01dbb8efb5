"""Single records by external id are the same as those of the streams."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.connectors.moodle.completions import COURSE
from edurelay_connector_runner.sdk import NotPermitted, Webhook
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import MoodleSandbox
from integration.moodle.driver import PlainHttp, connect, read_stream

STREAMS = ("courses", "groups", "teachers", "students", "enrollments", "grades", "completions")


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_fetched_record_equals_the_one_in_its_stream(stream: str, url: str, http: PlainHttp) -> None:
    connector = connect(http, url, completions=True)
    read = (await read_stream(connector, stream)).entities
    keys = [key for place, key in enumerate(sorted(read)) if place % max(1, len(read) // 6) == 0]
    fetched = dict(connector.convert(stream, record.raw) for record in await connector.fetch(stream, keys))
    assert fetched == {key: read[key] for key in keys}


@pytest.mark.parametrize("stream", STREAMS)
async def test_keys_of_nothing_are_passed_over(stream: str, url: str, http: PlainHttp) -> None:
    connector = connect(http, url, completions=True)
    odd = [
        "99999",
        "99999:99999",
        "99999:99999:99999",
        "2:99999",
        "2:course:99999",
        "2:1:99999",
        "",
        "abc",
        "-1",
        "1.5",
    ]
    assert await connector.fetch(stream, odd) == []


async def test_a_deleted_person_is_no_longer_there(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.school.delete(5)
    assert await connect(http, url).fetch("students", ["5"]) == []


async def test_a_webhook_leads_to_what_changed(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    connector = connect(http, url)
    [change] = connector.parse_webhook(Webhook({}, b'{"stream": "students", "keys": ["3", 4]}', verified=False))
    records = await connector.fetch(change.stream, change.keys)
    assert [connector.convert(change.stream, record.raw)[0] for record in records] == ["3", "4"]


async def test_more_keys_than_a_call_may_have_are_asked_for_in_parts(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    keys = [str(user) for user in range(3, 2003)]
    records = await connect(http, url, pageSize=800).fetch("students", keys)
    assert len(records) == len(sandbox.school.people) - 2
    assert max(len(form) for form in http.forms) < 900


async def test_a_course_without_completion_keeps_back_no_other_key(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    connector = connect(http, url, completions=True)
    good = next(iter((await read_stream(connector, "completions")).entities))
    without = next(course for course in sandbox.school.taught() if not course.completion)
    records = await connector.fetch("completions", [f"{without.id}:course:3", good])
    assert [connector.convert("completions", record.raw)[0] for record in records] == [good]


async def test_a_course_with_completion_whose_report_may_not_be_seen_is_an_error(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    connector = connect(http, url, completions=True)
    tracking = next(course for course in sandbox.school.taught() if course.completion)
    refused = Fault(FaultKind.ERROR, errorcode="cannotviewreport", function=COURSE, requests=None)
    for activities in (tracking.activities, []):
        tracking.activities = activities
        sandbox.faults.add(refused)
        with pytest.raises(NotPermitted, match="lacks a right"):
            await connector.fetch("completions", [f"{tracking.id}:course:3"])
