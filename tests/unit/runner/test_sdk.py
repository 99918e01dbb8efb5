"""The SDK: manifests from a file, connectors from entry points, and the documented contract over any connector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from edurelay.events.ids import internal_id
from edurelay.model import Entity, EntityType
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import (
    Capability,
    CheckReport,
    ConfigurationError,
    Manifest,
    OutboundRecord,
    Permanent,
    RateLimit,
)
from edurelay_connector_runner.sdk.contract import IntegrationMapping, SisConnector
from edurelay_connector_runner.sdk.registry import Registry
from integration.runner import scripted
from integration.runner.scripted import Provider, connector_for, rows, unavailable

MANIFEST = """
provider = "SCRIPTED"
title = "Scripted"
version = "1"
summary = "A provider for tests"
capabilities = ["fetch"]

[rate_limit]
requests = 10
seconds = 1
concurrent = 2

[[streams]]
name = "courses"
entity_type = "course"
primary_key = ["id"]
"""


def test_a_manifest_is_read_from_the_connectors_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(MANIFEST)
    manifest = Manifest.load(tmp_path, scripted.Config, scripted.Credentials)
    assert manifest.capabilities == {Capability.FETCH}
    assert manifest.rate_limit == RateLimit(requests=10, seconds=1, concurrent=2)
    assert manifest.streams == (scripted.COURSES,)
    assert manifest.config_schema["properties"].keys() == {"school"}


@pytest.mark.parametrize("line", ["colour = 1", "[[streams]]\nname = 'x'", "[rate_limit]\nrequests = 0"])
def test_a_manifest_with_a_mistake_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.toml").write_text(MANIFEST.replace("[rate_limit]", line + "\n[rate_limit]", 1))
    with pytest.raises(ValueError, match=r"."):
        Manifest.load(tmp_path, scripted.Config, scripted.Credentials)


def entry(name: str, value: str) -> EntryPoint:
    """Return an entry point of the connectors' group."""
    return EntryPoint(name, value, "edurelay.connectors")


def test_connectors_are_found_by_their_entry_points() -> None:
    registry = Registry.load([entry("SCRIPTED", "integration.runner.scripted:Scripted")])
    assert registry.connector("SCRIPTED") is scripted.Scripted
    assert [manifest.provider for manifest in registry.manifests()] == ["SCRIPTED"]


def test_a_connector_that_cannot_be_loaded_harms_no_other() -> None:
    registry = Registry.load(
        [
            entry("GONE", "no.such.module:Connector"),
            entry("NOTHING", "integration.runner.scripted:COURSES"),
            entry("MISNAMED", "integration.runner.scripted:Scripted"),
            entry("SCRIPTED", "integration.runner.scripted:Scripted"),
        ]
    )
    assert registry.connectors.keys() == {"SCRIPTED"}
    assert registry.broken.keys() == {"GONE", "NOTHING", "MISNAMED"}


def test_an_unknown_provider_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="no connector for MOODLE; there are: A, B"):
        Registry({"A": scripted.Scripted, "B": scripted.Scripted}).connector("MOODLE")


class School:
    """The inside of a sync: keeps what it is given."""

    async def keep(self, institution_id: str, external_id: str, entity: Entity) -> IntegrationMapping:
        inside = internal_id(institution_id, "connection", entity.type, external_id)
        return IntegrationMapping(entity.type, inside, external_id)

    async def attendance(self, session_id: str) -> AsyncIterator[OutboundRecord]:
        yield OutboundRecord("inside", f"{session_id}-1", {"present": True})


async def connected(provider: Provider) -> SisConnector:
    """Return the documented contract over a scripted provider."""
    http: Any = None
    connector = SisConnector(connector_for(provider), School(), http, FileRoots([]))
    assert await connector.connect({}, {})
    return connector


async def test_the_contract_syncs_students_and_courses_each_by_themselves() -> None:
    provider = Provider({"courses": rows("c", 12), "students": [*rows("s", 3), {"id": "x", "name": "x", "bad": True}]})
    connector = await connected(provider)
    courses = await connector.sync_courses("institution")
    assert (courses.success, courses.synced, courses.errors) == (True, 12, [])
    students = await connector.sync_students("institution")
    assert (students.success, students.synced) == (False, 3)
    assert students.errors == ["students[3]: the record is bad"]
    assert students.mappings[0] == IntegrationMapping(
        EntityType.STUDENT, internal_id("institution", "connection", "student", "s-0"), "s-0"
    )


async def test_the_contract_puts_a_providers_failure_into_the_errors_of_the_result() -> None:
    provider = Provider({"courses": rows("c", 12)})
    provider.plant("courses", 10, unavailable())
    result = await (await connected(provider)).sync_courses("institution")
    assert (result.success, result.synced, result.errors) == (False, 10, ["courses: the provider answered 503"])


async def test_the_contract_tests_the_connection() -> None:
    provider = Provider()
    connector = await connected(provider)
    assert await connector.test_connection()
    provider.report = CheckReport(ok=False, message="no")
    assert not await connector.test_connection()
    provider.report = unavailable()
    assert not await connector.test_connection()


async def test_the_contract_sends_attendance() -> None:
    provider = Provider()
    connector = await connected(provider)
    sent = await connector.send_attendance("session")
    assert (sent.success, sent.sent, sent.errors) == (True, 1, [])
    assert [record.external_id for record in provider.pushed["attendance"]] == ["session-1"]
    provider.plant("attendance", -1, Permanent("no such session"))
    refused = await connector.send_attendance("session")
    assert (refused.success, refused.errors) == (False, ["no such session"])


async def test_nothing_works_before_connect_and_disconnecting_twice_does_no_harm() -> None:
    connector = await connected(Provider())
    await connector.disconnect()
    await connector.disconnect()
    assert not await connector.test_connection()
