"""A run that cannot go on waits without keeping anybody from working, and says what it waits for."""

from __future__ import annotations

import time

from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import Counts, RunStatus
from edurelay_connector_runner.sdk import Throttled
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.scripted import Provider, rows, unavailable
from integration.runner.service import RunTail, Stage


def school() -> Provider:
    """Return a provider with three pages of courses and two of students."""
    return Provider({"courses": rows("c", 25), "students": rows("s", 15)})


async def test_a_throttled_connection_is_left_alone_for_as_long_as_it_asks_and_goes_on_behind_its_checkpoint(
    stage: Stage, told: RunTail
) -> None:
    provider = school()
    provider.plant("courses", 20, Throttled(1.5, "slow down"))
    await stage.start(provider)
    began = time.monotonic()
    run_id = await stage.command(await stage.connect())
    waiting = await told.until(run_id, lambda run: run.error_code == "PROVIDER_THROTTLED")
    assert (waiting.status, waiting.error) == (RunStatus.RUNNING, "slow down (again in 2 s)")
    run = await told.ended(run_id)
    assert time.monotonic() - began >= 1.5
    assert (run.status, run.error, run.counts) == (RunStatus.SUCCEEDED, None, Counts(source=40, created=40))
    assert [index for stream, index in provider.pages_read if stream == "courses"] == [0, 10, 20]


async def test_a_connection_that_is_set_aside_keeps_no_worker(stage: Stage, told: RunTail) -> None:
    provider = school()
    provider.plant("courses", 20, Throttled(3600))
    await stage.start(provider, workers=1)
    waiting = await stage.command(await stage.connect())
    await told.until(waiting, lambda run: run.error_code == "PROVIDER_THROTTLED")
    assert (await stage.run(await stage.connect())).status is RunStatus.SUCCEEDED
    assert not told.messages[waiting][-1].status.terminal


async def test_a_provider_that_fails_in_passing_is_tried_again_from_the_last_checkpoint(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = school()
    provider.plant("courses", 10, unavailable(), times=2)
    await stage.start(provider)
    connection = await stage.connect()
    run = await stage.run(connection)
    assert (run.status, run.counts) == (RunStatus.SUCCEEDED, Counts(source=40, created=40))
    assert provider.pages_read.count(("courses", 0)) == 1
    assert len({batch["epoch"] for batch, _ in mapping.outcomes.values()}) >= 2


async def test_a_connection_that_was_made_later_than_its_command_is_waited_for(stage: Stage, told: RunTail) -> None:
    await stage.start(school())
    connection = await stage.connect()
    changed = connection.model_copy(update={"version": 2})
    run_id = await stage.command(changed)
    await told.until(run_id, lambda run: run.status is RunStatus.QUEUED)
    later = await stage.run(await stage.connect())
    assert later.status is RunStatus.SUCCEEDED
    assert len(told.messages[run_id]) == 1, "the run waits for the state that it was meant for"
    await stage.announce(changed)
    assert (await told.ended(run_id)).status is RunStatus.SUCCEEDED


async def test_a_second_run_of_a_connection_waits_for_the_first(stage: Stage, told: RunTail) -> None:
    provider = school()
    gate = provider.hold("courses", 10)
    await stage.start(provider)
    connection = await stage.connect()
    first = await stage.command(connection)
    await provider.reached["courses", 10].wait()
    second = await stage.command(connection)
    await told.until(second, lambda run: run.status is RunStatus.QUEUED)
    await stage.run(await stage.connect(), streams=["students"])
    assert len(told.messages[second]) == 1
    gate.set()
    assert (await told.ended(first)).counts.created == 40
    assert (await told.ended(second)).counts.unchanged == 40
    assert provider.most_open <= 2


async def test_a_test_of_a_connection_does_not_wait_for_the_syncs_of_others(stage: Stage, told: RunTail) -> None:
    provider = school()
    gate = provider.hold("courses", 10)
    await stage.start(provider, workers=1)
    syncing = await stage.command(await stage.connect())
    await provider.reached["courses", 10].wait()
    assert (await stage.run(await stage.connect(), CommandKind.TEST)).status is RunStatus.SUCCEEDED
    gate.set()
    assert (await told.ended(syncing)).status is RunStatus.SUCCEEDED


async def test_a_run_is_not_green_before_every_batch_has_an_outcome(
    stage: Stage, told: RunTail, mapping: MappingStandIn
) -> None:
    mapping.holding = True
    await stage.start(school(), workers=1)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await told.until(run_id, lambda run: run.status is RunStatus.SETTLING)
    asked = mapping.asked
    await mapping.until_asked(asked + 3)
    assert not told.messages[run_id][-1].status.terminal
    mapping.let_go()
    run = await told.ended(run_id)
    assert (run.status, run.counts) == (RunStatus.SUCCEEDED, Counts(source=40, created=40))


async def test_a_mapping_service_that_is_away_is_waited_for_without_keeping_the_workers(
    stage: Stage, told: RunTail, mapping: MappingStandIn
) -> None:
    mapping.away = True
    await stage.start(school(), workers=1)
    run_id = await stage.command(await stage.connect())
    waiting = await told.until(run_id, lambda run: run.error_code == "WAITING_FOR_OUTCOMES")
    assert waiting.status is RunStatus.SETTLING
    assert "the mapping service does not answer" in (waiting.error or "")
    dry = await stage.run(await stage.connect(), dry_run=True)
    assert dry.status is RunStatus.SUCCEEDED
    mapping.away = False
    run = await told.ended(run_id)
    assert (run.status, run.error, run.counts.created) == (RunStatus.SUCCEEDED, None, 40)


async def test_a_cancelled_run_ends_at_the_next_page_with_what_it_had_sent_counted(
    stage: Stage, told: RunTail, mapping: MappingStandIn
) -> None:
    provider = school()
    gate = provider.hold("courses", 20)
    await stage.start(provider)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await mapping.until(lambda: len(mapping.external_ids(connection.id, "course")) == 20)
    await stage.cancel(connection, run_id)
    gate.set()
    run = await told.ended(run_id)
    assert run.status is RunStatus.CANCELLED
    assert run.counts.add_up
    assert 20 <= run.counts.created <= 25
    assert ("students", 0) not in provider.pages_read


async def test_a_run_that_nobody_has_begun_is_cancelled_at_once(stage: Stage, told: RunTail) -> None:
    provider = school()
    gate = provider.hold("courses", 10)
    await stage.start(provider)
    connection = await stage.connect()
    first = await stage.command(connection)
    second = await stage.command(connection)
    await stage.cancel(connection, second)
    assert (await told.ended(second)).status is RunStatus.CANCELLED
    gate.set()
    assert (await told.ended(first)).status is RunStatus.SUCCEEDED


async def test_a_run_that_is_set_aside_is_cancelled_at_once(stage: Stage, told: RunTail) -> None:
    provider = school()
    provider.plant("courses", 20, Throttled(3600))
    await stage.start(provider)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await told.until(run_id, lambda run: run.error_code == "PROVIDER_THROTTLED")
    await stage.cancel(connection, run_id)
    run = await told.ended(run_id)
    assert (run.status, run.counts.created) == (RunStatus.CANCELLED, 20)


async def test_a_cancel_is_not_lost_that_comes_while_the_provider_asks_to_be_left_alone(
    stage: Stage, told: RunTail
) -> None:
    provider = school()
    provider.plant("courses", 20, Throttled(3600))
    gate = provider.hold("courses", 20)
    await stage.start(provider)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await told.until(run_id, lambda run: run.counts.source == 20)
    await stage.cancel(connection, run_id)
    # Commands of one connection are taken in their order.
    next_one = await stage.command(connection)
    await told.until(next_one, lambda run: run.status is RunStatus.QUEUED)
    gate.set()
    run = await told.ended(run_id)
    assert (run.status, run.counts.created) == (RunStatus.CANCELLED, 20)
    assert (await told.ended(next_one)).status is RunStatus.SUCCEEDED


async def test_cancelling_a_run_that_is_unknown_or_over_does_nothing(stage: Stage, told: RunTail) -> None:
    await stage.start(school())
    connection = await stage.connect()
    run = await stage.run(connection)
    await stage.cancel(connection, run.id)
    await stage.cancel(connection, "run_unknown")
    await stage.run(connection)
    assert told.messages[run.id][-1] == run


async def test_a_provider_that_goes_on_failing_fails_the_stream_after_so_many_attempts(stage: Stage) -> None:
    provider = school()
    provider.plant("courses", 10, unavailable(), times=6)
    await stage.start(provider, retry_seconds=0.02)
    run = await stage.run(await stage.connect())
    courses, students = run.streams
    assert (courses.error_code, courses.error) == (
        "PROVIDER_UNAVAILABLE",
        "the provider answered 503 (6 attempts)",
    )
    assert students.status is RunStatus.SUCCEEDED
