"""The connector's pure side: its manifest, its streams, its webhooks, its presets."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from edurelay.model import EntityType, Student, model_of
from edurelay_connector_runner.connectors.generic_csv import connector, presets
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import BadRecord, Capability, ConfigurationError, Connector, Webhook
from edurelay_connector_runner.sdk.registry import Registry
from unit.generic_csv.connections import NoHttp, open_connector
from unit.generic_csv.layouts import STUDENTS

EXAMPLES = Path(__file__).parents[3] / "examples"


def sds() -> Connector:
    """Return a connector of Microsoft's files."""
    return open_connector(Path("/data"), preset="microsoft-sds-v1")


def body_of(told: Any) -> bytes:
    """Return a webhook's body."""
    return json.dumps(told).encode()


def webhook(told: Any) -> Webhook:
    """Return a webhook that was verified."""
    return Webhook({}, body_of(told), verified=True)


def test_the_manifest_names_the_documented_config_and_credentials() -> None:
    manifest = connector.manifest
    assert manifest.provider == "GENERIC_CSV"
    assert {"importPath", "exportPath", "s3Bucket", "layout", "preset"} == manifest.config_schema["properties"].keys()
    assert manifest.config_schema["required"] == ["importPath"]
    assert {"awsAccessKey", "awsSecretKey"} == manifest.credentials_schema["properties"].keys()
    assert manifest.capabilities == {Capability.PUSH, Capability.WEBHOOKS}


def test_the_engine_finds_it_by_its_entry_point() -> None:
    assert (
        Registry.load(entry_points(group="edurelay.connectors", name="GENERIC_CSV")).connector("GENERIC_CSV")
        is connector
    )


@pytest.mark.parametrize(
    ("config", "credentials", "message"),
    [
        ({"s3Bucket": "institution-data"}, {}, "config: files in an S3 bucket cannot be read; importPath is needed"),
        ({"importPath": "/data", "layout": {"streams": {}}}, {}, "config.layout.streams: "),
        ({"importPath": "/data"}, {"token": "x"}, "credentials.token: "),
    ],
)
def test_what_cannot_work_is_refused_when_the_connection_is_opened(
    config: dict[str, Any], credentials: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        connector(NoHttp.context(config, credentials, FileRoots([])))


def test_streams_stand_behind_those_they_point_to() -> None:
    declared = {stream.name: stream for stream in sds().streams()}
    assert list(declared) == [
        "organizations",
        "courses",
        "groups",
        "teachers",
        "students",
        "student_enrollments",
        "teacher_enrollments",
    ]
    assert declared["groups"].depends_on == ("organizations", "courses")
    assert declared["teacher_enrollments"].depends_on == ("groups", "teachers")
    assert declared["student_enrollments"].primary_key == ("Section SIS ID", "SIS ID")


def test_a_stream_that_is_switched_off_is_no_stream() -> None:
    layout = {"streams": {"rows": STUDENTS, "off": {**STUDENTS, "enabled": False}}}
    csv = open_connector(Path("/data"), layout=layout)
    assert [stream.name for stream in csv.streams()] == ["rows"]
    with pytest.raises(ConfigurationError, match="no stream 'off'"):
        csv.convert("off", {})


def test_a_webhook_brings_rows_as_they_would_stand_in_the_file() -> None:
    row = {"SIS ID": "13001", "School SIS ID": "10001", "Username": "OKlein", "First Name": "Ora", "Password": "P@ss"}
    (change,) = sds().parse_webhook(webhook({"stream": "students", "records": [row]}))
    assert change.stream == "students"
    (record,) = change.records
    assert record.where == "records[0]"
    assert "Password" not in record.raw
    key, student = sds().convert("students", record.raw)
    assert key == "13001"
    assert student == Student(name="Ora", given_name="Ora", username="OKlein", organization="10001")


def test_a_webhooks_rows_that_are_no_records_of_the_stream_are_left_out_and_bad_ones_kept_to_be_rejected() -> None:
    none = {"Course SIS ID": "", "School SIS ID": "10001"}
    bad = {"School SIS ID": "10001"}
    (change,) = sds().parse_webhook(webhook({"stream": "courses", "records": [none, bad]}))
    assert [record.raw for record in change.records] == [bad]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (body_of([]), None),
        (body_of({"stream": "students"}), "records"),
        (body_of({"stream": "pupils", "records": []}), "stream"),
        (body_of({"stream": "students", "records": [{"SIS ID": 7}]}), "records.0.SIS ID"),
        (body_of({"stream": "students", "records": ["x"]}), "records.0"),
        (body_of({"stream": "students", "records": [], "more": 1}), "more"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused_with_its_field(body: bytes, field: str | None) -> None:
    with pytest.raises(BadRecord) as caught:
        sds().parse_webhook(Webhook({}, body, verified=True))
    assert caught.value.field == field


async def test_single_records_cannot_be_fetched() -> None:
    with pytest.raises(ConfigurationError, match="cannot fetch"):
        await sds().fetch("students", ["13001"])


@pytest.mark.parametrize("name", presets.names())
def test_every_stream_of_a_preset_compiles_and_reads_no_password(name: str) -> None:
    layout = presets.load(name)
    for stream in layout.streams:
        assert not any("pass" in column.lower() for column in Shape(layout, stream).columns)


def test_edurelays_own_files_have_a_column_for_every_field() -> None:
    layout = presets.load("edurelay-v1")
    assert {stream.entity_type for stream in layout.streams.values()} == {*EntityType}
    for stream in layout.streams.values():
        assert stream.fields.keys() == model_of(stream.entity_type).model_fields.keys() - {"extra"}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.name)
def test_the_examples_are_layouts(file: Path) -> None:
    csv = open_connector(Path("/data"), layout=tomllib.loads(file.read_text("utf-8")))
    assert csv.streams()
