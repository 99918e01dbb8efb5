"""The other commands: test a connection, give records back to the provider, try rejected records again."""

from __future__ import annotations

from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import Counts, Run, RunStatus
from edurelay_connector_runner.sdk import AuthExpired, CheckReport, Permanent, Throttled
from integration.runner.mapping_stand_in import Entity, MappingStandIn
from integration.runner.scripted import COURSES, Provider, rows, unavailable
from integration.runner.service import SECRET, RunTail, Stage


async def checked(stage: Stage, provider: Provider) -> Run:
    """Test a connection to the provider."""
    await stage.start(provider)
    return await stage.run(await stage.connect(), CommandKind.TEST)


async def test_a_test_that_goes_well_succeeds_and_shows_what_the_connector_found(stage: Stage) -> None:
    report = CheckReport(ok=True, message="it works", details={"release": "5.0", "a.b": {"$c": float("nan")}})
    run = await checked(stage, Provider(report=report))
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, None)
    assert run.result == {
        "ok": True,
        "message": "it works",
        "problems": [],
        "details": {"release": "5.0", "a.b": {"$c": "nan"}},
    }


async def test_a_test_that_goes_badly_fails_with_what_is_missing(stage: Stage) -> None:
    report = CheckReport(ok=False, message="a function is missing", problems=["add core_x to the service"])
    run = await checked(stage, Provider(report=report))
    assert (run.status, run.error_code, run.error) == (RunStatus.FAILED, "CHECK_FAILED", "a function is missing")
    assert run.result is not None
    assert run.result["problems"] == ["add core_x to the service"]


async def test_every_error_of_a_test_is_its_answer_at_once_and_tells_no_secret(stage: Stage) -> None:
    provider = Provider()
    await stage.start(provider)
    connection = await stage.connect()
    for error, code in (
        (AuthExpired(f"{SECRET} is no longer valid"), "INVALID_CREDENTIALS"),
        (Throttled(3600), "PROVIDER_THROTTLED"),
        (unavailable(), "PROVIDER_UNAVAILABLE"),
        (ValueError(SECRET), "CONNECTOR_ERROR"),
    ):
        provider.report = error
        run = await stage.run(connection, CommandKind.TEST)
        assert (run.status, run.error_code) == (RunStatus.FAILED, code)
        assert SECRET not in run.encode().decode()


def known(stage: Stage, mapping: MappingStandIn, connection: str, count: int) -> None:
    """Let the mapping service know some students, and courses that refer to an organisation."""
    for number in range(count):
        mapping.entities[stage.tenant, connection, "student", f"s-{number}"] = Entity({"name": "Ana"}, 1)
        mapping.entities[stage.tenant, connection, "course", f"c-{number}"] = Entity(
            {"name": "Art", "organization_id": "inside-o", "organization_external_id": "o"}, 1
        )


async def test_an_export_gives_every_record_of_the_connection_back_with_the_providers_own_references(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = Provider()
    await stage.start(provider)
    connection = await stage.connect()
    known(stage, mapping, connection.id, 10)
    known(stage, mapping, "another connection", 3)
    run = await stage.run(connection, CommandKind.EXPORT)
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert run.result == {"courses": {"sent": 10, "errors": []}, "students": {"sent": 10, "errors": []}}
    course = provider.pushed["courses"][0]
    assert (course.external_id, course.internal_id, dict(course.attributes)) == (
        "c-0",
        "inside-c-0",
        {"name": "Art", "organization": "o"},
    )


async def test_an_export_says_what_the_provider_did_not_take_and_goes_on_with_the_next_stream(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = Provider()
    provider.plant("courses", -1, Permanent("courses are read-only"))
    provider.push_errors = ["s-1: no such number"]
    await stage.start(provider)
    connection = await stage.connect()
    known(stage, mapping, connection.id, 2)
    run = await stage.run(connection, CommandKind.EXPORT)
    assert run.status is RunStatus.FAILED
    assert [each.error for each in run.streams] == [
        "courses are read-only",
        "1 records were not taken: s-1: no such number",
    ]
    assert len(provider.pushed["students"]) == 2


async def test_an_export_waits_for_a_provider_that_fails_in_passing(stage: Stage, mapping: MappingStandIn) -> None:
    provider = Provider()
    provider.plant("students", -1, unavailable())
    await stage.start(provider, retry_seconds=0.05)
    connection = await stage.connect()
    known(stage, mapping, connection.id, 2)
    run = await stage.run(connection, CommandKind.EXPORT, streams=["students"])
    assert (run.status, len(provider.pushed["students"])) == (RunStatus.SUCCEEDED, 2)


def with_bad_records() -> Provider:
    """Return a provider of whose students six are bad, and one is a line that cannot be read."""
    provider = Provider({"courses": [], "students": rows("s", 20)})
    for row in provider.streams["students"][:6]:
        row["bad"] = True
    provider.streams["students"][19] = {"line": 20}
    return provider


async def test_rejected_records_are_tried_again_once_the_connector_can_read_them(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = with_bad_records()
    await stage.start(provider)
    connection = await stage.connect()
    first = await stage.run(connection)
    assert first.counts == Counts(source=20, created=13, rejected=7)
    provider.cured = True
    again = await stage.run(connection, CommandKind.REPROCESS, source_run_id=first.id)
    assert (again.status, again.counts) == (RunStatus.SUCCEEDED, Counts(source=6, created=6))
    assert again.result == {"reprocessed": 6, "skipped": 1}
    assert len(mapping.external_ids(connection.id, "student")) == 19
    assert {each["reprocessed_by"] for each in mapping.rejected if "raw" in each} == {again.id}


async def test_only_what_is_a_whole_record_is_tried_again(stage: Stage, mapping: MappingStandIn) -> None:
    stub, second, fine = {"id": "s-1", "name": ""}, {"id": "s-2", "name": "another"}, {"id": "s-3", "name": "new"}
    rejected = [
        {"line": 4, "raw": stub},
        {"line": 5, "raw": second},
        {"line": 6, "raw": "s-9;broken"},
        {"line": 7, "raw": fine, "whole": True},
    ]
    await stage.start(Provider({"courses": [], "students": [*rows("s", 3), *rejected]}))
    connection = await stage.connect()
    first = await stage.run(connection)
    assert first.counts == Counts(source=7, created=3, rejected=4)
    again = await stage.run(connection, CommandKind.REPROCESS, source_run_id=first.id)
    assert (again.counts, again.result) == (Counts(source=1, created=1), {"reprocessed": 1, "skipped": 3})
    names = {place[3]: entity.attributes["name"] for place, entity in mapping.entities.items()}
    assert names == {"s-0": "s 0", "s-1": "s 1", "s-2": "s 2", "s-3": "new"}
    assert [each["raw"] for each in mapping.rejected] == [
        *({"not_tried_again": each["raw"]} for each in rejected[:3]),
        fine,
    ]


async def test_what_is_rejected_once_more_belongs_to_the_new_run_and_no_record_is_tried_by_two(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = with_bad_records()
    await stage.start(provider)
    connection = await stage.connect()
    first = await stage.run(connection)
    second = await stage.run(connection, CommandKind.REPROCESS, source_run_id=first.id)
    assert second.counts == Counts(source=6, rejected=6)
    third = await stage.run(connection, CommandKind.REPROCESS, source_run_id=first.id)
    assert (third.status, third.counts) == (RunStatus.SUCCEEDED, Counts())
    provider.cured = True
    fourth = await stage.run(connection, CommandKind.REPROCESS, source_run_id=second.id)
    assert fourth.counts == Counts(source=6, created=6)


async def test_what_the_mapping_service_rejected_is_sent_again_as_it_was(stage: Stage, mapping: MappingStandIn) -> None:
    await stage.start(Provider())
    connection = await stage.connect()
    mapping.rejected.append(
        {
            "id": "r1",
            "run_id": "run_earlier",
            "tenant": stage.tenant,
            "stream": "students",
            "entity_type": "student",
            "reason": "its inside id was taken",
            "raw": {"external_id": "s-1", "attributes": {"name": "Ana"}},
            "reprocessed_by": None,
        }
    )
    run = await stage.run(connection, CommandKind.REPROCESS, source_run_id="run_earlier")
    assert run.counts == Counts(source=1, created=1)
    assert mapping.entities[stage.tenant, connection.id, "student", "s-1"].attributes == {"name": "Ana"}


async def test_reprocessing_waits_for_a_mapping_service_that_is_away(
    stage: Stage, mapping: MappingStandIn, told: RunTail
) -> None:
    await stage.start(Provider())
    mapping.away = True
    run_id = await stage.command(await stage.connect(), CommandKind.REPROCESS, source_run_id="run_earlier")
    await told.until(run_id, lambda run: run.error_code == "WAITING_FOR_OUTCOMES")
    mapping.away = False
    assert (await told.ended(run_id)).status is RunStatus.SUCCEEDED


async def test_a_result_has_room_in_one_message_however_much_there_is_to_say(
    stage: Stage, mapping: MappingStandIn
) -> None:
    streams = [COURSES.model_copy(update={"name": f"courses-{number}"}) for number in range(8)]
    provider = Provider(declared=streams, push_errors=["\x01" * 1_000] * 100)
    await stage.start(provider)
    connection = await stage.connect()
    known(stage, mapping, connection.id, 2)
    run = await stage.run(connection, CommandKind.EXPORT)
    assert run.result is not None
    shown = [len(run.result[stream.name]["errors"]) for stream in streams]
    assert (run.error_code, shown[0] > 0, shown[-1]) == ("PUSH_FAILED", True, 0)
