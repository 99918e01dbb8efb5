"""A run that is killed behind any page goes on from that page's cursor, and nothing is missing."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.connectors.moodle import MoodleConnector
from edurelay_connector_runner.sdk import Cursor, Transient
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import MoodleSandbox
from integration.moodle.driver import PlainHttp, connect, read_stream, read_until_error

STREAMS = ("courses", "groups", "teachers", "students", "enrollments", "grades", "completions")


@pytest.mark.parametrize("stream", STREAMS)
async def test_killed_at_any_page_boundary_the_rest_is_read(stream: str, url: str, http: PlainHttp) -> None:
    page_size = 100 if stream == "completions" else 10
    connector = connect(http, url, completions=True, pageSize=page_size)
    whole = await read_stream(connector, stream)
    assert len(whole.cursors) > 1
    for boundary, cursor in enumerate(whole.cursors, start=1):
        if boundary % max(1, len(whole.cursors) // 6) and boundary != len(whole.cursors):
            continue
        before = await read_stream(connector, stream, stop_after=boundary)
        assert before.cursors[-1] == cursor
        after = await read_stream(connect(http, url, completions=True, pageSize=page_size), stream, cursor)
        assert before.entities | after.entities == whole.entities
        assert not before.entities.keys() & after.entities.keys()
        assert after.complete


async def test_a_run_that_stops_after_every_single_page_still_gets_everything(url: str, http: PlainHttp) -> None:
    connector = connect(http, url, pageSize=10)
    whole = await read_stream(connector, "enrollments")
    gathered, cursor, pages = dict[str, object](), None, 0
    while True:
        step = await read_stream(connect(http, url, pageSize=10), "enrollments", cursor, stop_after=1)
        gathered |= step.entities
        cursor, pages = step.cursors[-1], pages + 1
        if step.complete:
            break
        assert pages < 500
    assert gathered == whole.entities


async def test_a_cursor_is_a_few_flat_scalars(url: str, http: PlainHttp) -> None:
    connector = connect(http, url, completions=True, pageSize=10)
    for stream in STREAMS:
        for cursor in (await read_stream(connector, stream)).cursors:
            assert all(isinstance(value, (bool, int, str, float, type(None))) for value in cursor.values())
            assert len(str(cursor)) < 4096


async def test_a_cursor_from_the_future_yields_nothing(url: str, http: PlainHttp) -> None:
    connector = connect(http, url, completions=True)
    for stream in STREAMS:
        last = (await read_stream(connector, stream)).cursors[-1]
        future = {**last, "course": 10**9, "after": 10**9, "done": False}
        assert not (await read_stream(connector, stream, future)).entities


async def test_a_cursor_that_makes_no_sense_means_the_beginning(url: str, http: PlainHttp) -> None:
    connector = connect(http, url)
    whole = await read_stream(connector, "students")
    senseless: list[Cursor] = [{}, {"v": 99, "after": 50}, {"v": 1, "course": "x", "after": None}, {"page": 3}]
    for cursor in senseless:
        assert (await read_stream(connector, "students", cursor)).entities == whole.entities


async def test_a_failed_request_leaves_a_cursor_from_which_the_rest_is_read(
    sandbox: MoodleSandbox, url: str, http: PlainHttp
) -> None:
    whole = await read_stream(connect(http, url, pageSize=10), "enrollments")
    for request in (3, 9, 27, 40):
        sandbox.faults.add(Fault(FaultKind.STATUS, "core_enrol_get_enrolled_users", after=request, status=502))
        before = await read_until_error(connect(http, url, pageSize=10), "enrollments")
        assert isinstance(before.error, Transient)
        cursor = before.cursors[-1] if before.cursors else None
        after = await read_stream(connect(http, url, pageSize=10), "enrollments", cursor)
        assert before.entities | after.entities == whole.entities


async def test_a_list_that_could_not_be_proven_stays_unproven_after_a_kill(restless: MoodleConnector) -> None:
    whole = await read_stream(restless, "enrollments")
    unproven = next(cursor for cursor in whole.cursors if not cursor["proven"])
    rest = await read_stream(restless, "enrollments", unproven)
    assert not rest.complete
