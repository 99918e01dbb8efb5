"""A sync reads every stream, sends every record once, and is green only when everything is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edurelay.events.envelope import Message, now
from edurelay.events.ids import new_id
from edurelay.events.topics import RUNS
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.runs import Counts, RunStatus
from edurelay.mongo import Database
from edurelay.mongo.outbox import pending
from edurelay_connector_runner.connectors.moodle.failures import Closed
from edurelay_connector_runner.runs import store
from edurelay_connector_runner.runs.state import RunState
from edurelay_connector_runner.sdk import AuthExpired, ConfigurationError, Permanent
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.scripted import CHANGES, COURSES, Provider, rows
from integration.runner.service import SECRET, RunTail, Stage


def school() -> Provider:
    """Return a provider with three pages of courses and five of students."""
    return Provider({"courses": rows("c", 25), "students": rows("s", 42)})


async def test_everything_that_the_provider_has_is_sent_and_counted(stage: Stage, mapping: MappingStandIn) -> None:
    await stage.start(school())
    connection = await stage.connect()
    run = await stage.run(connection)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert run.counts == Counts(source=67, created=67)
    assert [(each.stream, each.status, each.counts.source, each.expected) for each in run.streams] == [
        ("courses", RunStatus.SUCCEEDED, 25, 25),
        ("students", RunStatus.SUCCEEDED, 42, 42),
    ]
    assert mapping.external_ids(connection.id, "student") == {f"s-{number}" for number in range(42)}


async def test_a_second_sync_of_the_same_changes_nothing(stage: Stage) -> None:
    await stage.start(school())
    connection = await stage.connect()
    await stage.run(connection)
    again = await stage.run(connection)
    assert again.counts == Counts(source=67, unchanged=67)


async def test_bad_records_are_kept_with_their_reason_and_the_run_is_green_all_the_same(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = school()
    provider.streams["students"][7]["bad"] = True
    provider.streams["students"][8]["huge"] = 2**80
    provider.streams["students"][20] = {"line": 21}
    await stage.start(provider)
    run = await stage.run(await stage.connect())
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert run.counts == Counts(source=67, created=64, rejected=3)
    assert {(each.get("field"), each.get("where"), each.get("line")) for each in mapping.rejected} == {
        ("bad", "students[7]", None),
        ("extra.huge", "students[8]", None),
        (None, None, 21),
    }


async def test_a_failed_stream_does_not_stop_its_siblings(stage: Stage, mapping: MappingStandIn) -> None:
    provider = school()
    provider.plant("courses", 10, Permanent(f"no course for {SECRET}"))
    await stage.start(provider)
    connection = await stage.connect()
    run = await stage.run(connection)
    assert (run.status, run.error_code) == (RunStatus.FAILED, "PROVIDER_REFUSED")
    courses, students = run.streams
    assert (courses.status, courses.error, courses.counts) == (
        RunStatus.FAILED,
        "no course for …",
        Counts(source=10, created=10),
    )
    assert (students.status, students.counts.created) == (RunStatus.SUCCEEDED, 42)
    assert len(mapping.external_ids(connection.id, "course")) == 10


async def test_a_right_that_is_missing_for_one_stream_does_not_stop_its_siblings(stage: Stage) -> None:
    provider = school()
    provider.plant("courses", 10, Closed("the token's user cannot enter a course"))
    await stage.start(provider)
    run = await stage.run(await stage.connect())
    courses, students = run.streams
    assert (courses.status, courses.error_code) == (RunStatus.FAILED, "INVALID_CONFIGURATION")
    assert (students.status, students.counts.created) == (RunStatus.SUCCEEDED, 42)
    assert (run.status, run.error_code) == (RunStatus.FAILED, "INVALID_CONFIGURATION")


async def test_an_error_that_nobody_expected_fails_its_stream_and_tells_no_secret(stage: Stage) -> None:
    provider = school()
    provider.plant("students", 10, ValueError(SECRET))
    await stage.start(provider)
    run = await stage.run(await stage.connect())
    assert run.streams[1].error_code == "CONNECTOR_ERROR"
    assert SECRET not in run.encode().decode()
    assert run.streams[0].status is RunStatus.SUCCEEDED


async def test_expired_credentials_end_the_run_at_once(stage: Stage) -> None:
    provider = school()
    provider.plant("courses", 10, AuthExpired("enter a new token"))
    await stage.start(provider)
    run = await stage.run(await stage.connect())
    assert (run.status, run.error_code, run.error) == (RunStatus.FAILED, "INVALID_CREDENTIALS", "enter a new token")
    assert run.streams[1].status is RunStatus.FAILED
    assert ("students", 0) not in provider.pages_read


async def test_a_connection_that_cannot_be_opened_fails_the_run_with_the_reason(stage: Stage) -> None:
    await stage.start(school())
    unknown = await stage.run(await stage.connect(provider="NOWHERE"))
    assert unknown.error == "there is no connector for NOWHERE; there are: SCRIPTED"
    foreign = await stage.connect()
    stolen = await stage.connect(credentials=foreign.credentials)
    assert (await stage.run(stolen)).error_code == ConfigurationError.code


async def test_only_the_streams_that_were_asked_for_are_read(stage: Stage) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    by_name = await stage.run(connection, streams=["courses"])
    assert [each.stream for each in by_name.streams] == ["courses"]
    by_type = await stage.run(connection, entity_types=["student"])
    assert [each.stream for each in by_type.streams] == ["students"]
    none = await stage.run(connection, streams=["grades"])
    assert (none.status, none.error) == (RunStatus.FAILED, "there is no stream grades; there are: courses, students")


async def test_a_dry_run_sends_nothing_and_shows_what_it_would_reject(stage: Stage, mapping: MappingStandIn) -> None:
    provider = school()
    provider.streams["students"][7]["bad"] = True
    await stage.start(provider)
    connection = await stage.connect()
    run = await stage.run(connection, dry_run=True)
    assert run.status is RunStatus.SUCCEEDED
    assert run.result == {
        "read": 67,
        "valid": 66,
        "rejected": 1,
        "rejections": [{"stream": "students", "reason": "the record is bad", "field": "bad", "where": "students[7]"}],
    }
    assert mapping.outcomes == {}


async def test_an_incremental_stream_goes_on_where_the_last_sync_ended_unless_it_is_to_be_full(stage: Stage) -> None:
    provider = Provider({"changes": rows("s", 20)}, declared=[CHANGES])
    await stage.start(provider)
    connection = await stage.connect()
    await stage.run(connection)
    await stage.run(connection, dry_run=True, full=True)
    provider.streams["changes"] += rows("t", 5)
    assert (await stage.run(connection)).counts == Counts(source=5, created=5)
    assert (await stage.run(connection, full=True)).counts == Counts(source=25, unchanged=25)


async def test_progress_is_told_with_counts_and_revisions_that_grow(stage: Stage, told: RunTail) -> None:
    provider = school()
    gate = provider.hold("students", 20)
    await stage.start(provider)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await told.until(run_id, lambda run: run.counts == Counts(source=45, created=45))
    gate.set()
    await told.ended(run_id)
    messages = told.messages[run_id]
    assert [each.revision for each in messages] == sorted({each.revision for each in messages})
    assert [messages[0].status, messages[1].status] == [RunStatus.QUEUED, RunStatus.RUNNING]
    assert messages[-2].status is RunStatus.SETTLING
    assert messages[-1].started_at is not None
    assert messages[-1].finished_at is not None


async def test_a_command_that_comes_twice_starts_one_run(stage: Stage, told: RunTail) -> None:
    await stage.start(school())
    connection = await stage.connect()
    run_id = await stage.command(connection)
    first = await told.ended(run_id)
    await stage.command(connection, run_id=run_id)
    await stage.run(connection, CommandKind.TEST)
    assert told.messages[run_id][-1] == first


async def test_the_end_of_a_run_is_told_however_long_the_reasons_are(stage: Stage) -> None:
    streams = [COURSES.model_copy(update={"name": f"courses-{number}"}) for number in range(4)]
    provider = Provider({stream.name: rows("c", 1) for stream in streams}, declared=streams)
    for stream in streams:
        provider.plant(stream.name, 0, Permanent("\x01" * 300_000))
    await stage.start(provider)
    run = await stage.run(await stage.connect())
    assert (run.status, run.error_code) == (RunStatus.FAILED, "PROVIDER_REFUSED")
    assert [len(each.error or "") for each in run.streams] == [1_000] * 4


async def test_a_message_of_a_run_that_is_too_large_ends_no_runner_and_keeps_back_no_other(
    stage: Stage, told: RunTail
) -> None:
    command = Command(
        kind=CommandKind.SYNC,
        run_id=new_id("run"),
        tenant=stage.tenant,
        connection_id="c",
        connection_version=1,
        requested_at=now(),
    )
    large = RunState(command, result={"text": "x" * 3_000_000})
    small = RunState(command.model_copy(update={"run_id": new_id("run")}))
    left = [
        {**entry, "at": datetime.now(UTC) - timedelta(minutes=1)}
        for state in (large, small)
        for entry in pending(Message(RUNS.name, state.id.encode(), state.message().encode()))
    ]
    async with await Database.connect(stage.mongo, stage.database, collections=[store.RUNS, store.LEASES]) as database:
        await database[store.RUNS].insert_many([{"_id": entry["id"], "unsent": [entry]} for entry in left])
    await stage.start(school())
    await told.until(small.id, lambda run: run.status is RunStatus.QUEUED)
    assert large.id not in told.messages
    assert (await stage.run(await stage.connect())).status is RunStatus.SUCCEEDED
