"""A run is green only if every stream ended well and every record is accounted for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edurelay.messages.runs import Counts, RunStatus
from edurelay_connector_runner.runs.state import RunState
from edurelay_connector_runner.runs.verdict import conclude
from integration.runner.scripted import COURSES, STUDENTS
from unit.runner.commands import a_sync


def a_run() -> RunState:
    """Return a run whose two streams ended well, with ten students read."""
    command = a_sync()
    state = RunState(command)
    state.plan([COURSES, STUDENTS])
    for stream in state.streams or ():
        stream.end(RunStatus.SUCCEEDED)
    state.stream("students", "student").source = 10
    state.settled = {"students": Counts(source=10, created=4, updated=3, unchanged=2, rejected=1)}
    return state


def test_a_run_that_is_counted_is_green() -> None:
    assert conclude(a_run()) is RunStatus.SUCCEEDED


def test_what_a_killed_runner_sent_beyond_its_checkpoint_counts_on_both_sides() -> None:
    state = a_run()
    state.settled["students"] = Counts(source=15, created=15)
    assert conclude(state) is RunStatus.SUCCEEDED


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_run_whose_counts_do_not_add_up_is_never_green(source: int, accounted: int) -> None:
    state = a_run()
    state.settled["students"] = Counts(source=source, created=accounted)
    status = conclude(state)
    assert (status is RunStatus.SUCCEEDED) == (source == accounted and source >= 10)
    assert (state.error_code == "COUNTS_DO_NOT_ADD_UP") == (status is RunStatus.FAILED)


def test_a_stream_without_any_outcome_is_not_green() -> None:
    state = a_run()
    state.settled = {}
    assert conclude(state) is RunStatus.FAILED
    assert state.error == "students: 10 records were sent, 0 were counted"


def test_a_failed_stream_fails_the_run_and_says_which() -> None:
    state = a_run()
    state.stream("courses", "course").end(RunStatus.FAILED, "PROVIDER_REFUSED", "no such course")
    assert conclude(state) is RunStatus.FAILED
    assert (state.error_code, state.error) == ("PROVIDER_REFUSED", "1 of 2 streams failed: courses: no such course")


def test_a_run_that_failed_as_a_whole_keeps_its_reason() -> None:
    state = a_run()
    state.fail("INVALID_CREDENTIALS", "enter new ones")
    assert conclude(state) is RunStatus.FAILED
    assert state.error == "enter new ones"


def test_a_cancelled_stream_makes_a_cancelled_run() -> None:
    state = a_run()
    state.stream("students", "student").end(RunStatus.CANCELLED)
    assert conclude(state) is RunStatus.CANCELLED


def test_a_dry_run_needs_no_counts() -> None:
    state = a_run()
    state.settled = {}
    assert conclude(state, counted=False) is RunStatus.SUCCEEDED


def test_the_reasons_of_many_streams_are_cut_to_one() -> None:
    state = a_run()
    for number in range(50):
        state.stream(f"stream-{number}", "course").end(RunStatus.FAILED, "PROVIDER_REFUSED", "x" * 70_000)
    conclude(state)
    assert state.error is not None
    assert (len(state.error), state.error[:49]) == (1_000, "50 of 52 streams failed: stream-0: " + "x" * 14)


def test_the_differences_of_many_streams_are_cut_to_one_reason() -> None:
    state = a_run()
    for number in range(50):
        uncounted = state.stream(f"stream-{number}", "course")
        uncounted.status, uncounted.source = RunStatus.SUCCEEDED, 1
    conclude(state)
    assert state.error_code == "COUNTS_DO_NOT_ADD_UP"
    assert len(state.error or "") == 1_000
