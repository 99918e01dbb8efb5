"""A run's document gives back exactly the run, and its message shows what everybody may see."""

from __future__ import annotations

from edurelay.messages.runs import Counts, RunStatus
from edurelay_connector_runner.runs.state import RunState, Segment
from integration.runner.scripted import COURSES, STUDENTS
from unit.runner.commands import a_sync


def a_run() -> RunState:
    """Return a run in the middle of its work."""
    command = a_sync(connection_version=3, streams=["courses", "students"])
    state = RunState(command, RunStatus.RUNNING, epoch=2, revision=5, traceparent="00-a")
    state.plan([COURSES, STUDENTS])
    courses, students = state.streams or []
    courses.end(RunStatus.SUCCEEDED)
    courses.source = 4
    students.cursor = {"$after.id": "s-7", "row": 7}
    students.source = 7
    state.settled = {"courses": Counts(source=4, created=4)}
    state.result = {"details": {"a.b": 1}}
    return state


def test_a_document_gives_back_the_run() -> None:
    state = a_run()
    state.note_sent(9)
    assert RunState.from_document(state.to_document()) == state


def test_each_lease_has_a_segment_of_batches_of_its_own() -> None:
    state = a_run()
    assert state.sent == 0
    state.note_sent(2)
    state.note_sent(3)
    state.epoch = 5
    assert state.sent == 0
    state.note_sent(0)
    state.note_sent(1)
    assert state.segments == [Segment(2, 3), Segment(5, 1)]


def test_the_message_counts_what_was_sent_until_it_is_settled() -> None:
    message = a_run().message()
    assert [stream.counts.source for stream in message.streams] == [4, 7]
    assert message.counts == Counts(source=11, created=4)


def test_the_failure_of_a_run_is_that_of_its_unread_streams_too() -> None:
    state = a_run()
    state.fail("INVALID_CREDENTIALS", "enter new ones")
    courses, students = state.streams or []
    assert courses.status is RunStatus.SUCCEEDED
    assert (students.status, students.error_code) == (RunStatus.FAILED, "INVALID_CREDENTIALS")


def test_a_waiting_run_says_why_and_an_error_goes_before_it() -> None:
    state = a_run()
    state.waiting_code, state.waiting = "PROVIDER_THROTTLED", "again in 60 s"
    assert state.message().error_code == "PROVIDER_THROTTLED"
    state.fail("INVALID_CREDENTIALS", "enter new ones")
    assert state.message().error_code == "INVALID_CREDENTIALS"


def test_the_reason_of_a_failure_is_cut() -> None:
    state = a_run()
    state.fail("PROVIDER_REFUSED", "x" * 70_000)
    assert [len(each.error or "") for each in (state, (state.streams or [])[1])] == [1_000, 1_000]
