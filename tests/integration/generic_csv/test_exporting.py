"""Exports: whole files, the same bytes for the same entities, and read again as what they were."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay.model import Entity, Student
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import ConfigurationError, Connector, OutboundRecord, Permanent
from integration.generic_csv.driver import collect, files_in, outbound
from unit.generic_csv.connections import open_connector
from unit.generic_csv.layouts import STUDENTS

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
PEOPLE = st.dictionaries(
    KEYS,
    st.builds(Student, name=WORDS, email=st.none() | WORDS, active=st.booleans(), organization=st.none() | KEYS),
    min_size=1,
    max_size=30,
)
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t"),
        "quote": st.sampled_from("\"'"),
        "encoding": st.sampled_from(["utf-8", "utf-8-bom", "utf-16", "utf-16-be"]),
        "skip_rows": st.integers(0, 2),
    }
)
FIELDS = {"name": "name", "email": "email", "active": "active", "organization": "school"}


def exporting(folder: Path, stream: dict[str, Any] | None = None, **layout: Any) -> Connector:
    """Return a connector that writes to the folder from which it reads."""
    rows = {**STUDENTS, "fields": FIELDS, **(stream or {})}
    return open_connector(folder, exportPath=str(folder), layout={"streams": {"rows": rows}, **layout})


@given(PEOPLE, DIALECTS)
@settings(max_examples=40, deadline=None)
async def test_an_import_of_an_export_gives_the_same_entities(
    people: dict[str, Entity], dialect: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        csv = exporting(Path(name), dialect=dialect)
        report = await csv.push("rows", outbound([*people.items()]))
        assert (report.sent, report.errors) == (len(people), [])
        read = await collect(csv, "rows")
        assert read.entities == people
        assert [*read.entities] == [*people]
        assert not read.rejected
        first = (Path(name) / "students.csv").read_bytes()
        await csv.push("rows", outbound([*people.items()]))
        assert (Path(name) / "students.csv").read_bytes() == first


async def test_the_file_is_just_what_the_layout_says(tmp_path: Path) -> None:
    csv = exporting(tmp_path, {"files": "in/*.csv", "export": "out.csv"})
    ann = Student(name='Ann "=1+1" Lee', email="a@b.c", organization="10,1")
    await csv.push("rows", outbound([("7", ann), ("8", Student(name="Bob", active=False))]))
    assert files_in(tmp_path) == {
        "out.csv": b'id,name,email,active,school\r\n7,"Ann ""=1+1"" Lee",a@b.c,true,"10,1"\r\n8,Bob,,false,\r\n'
    }


async def test_a_pattern_without_an_export_name_is_written_under_the_streams_name(tmp_path: Path) -> None:
    await exporting(tmp_path, {"files": "*.csv"}).push("rows", outbound([("7", Student(name="Ann"))]))
    assert (tmp_path / "rows.csv").exists()


async def test_a_record_that_cannot_be_written_is_reported_and_its_neighbours_are_written(tmp_path: Path) -> None:
    csv = exporting(tmp_path, dialect={"encoding": "windows-1252"})
    people = [
        ("1", Student(name="Ann")),
        ("2", Student(name="Ωmega")),
        ("3", Student(name="", email="")),
        ("4", Student(name="Di")),
    ]
    report = await csv.push("rows", outbound(people))
    assert report.sent == 2
    assert [*report.errors] == ["2: 'Ω' does not exist in cp1252", "3: name has no value"]
    assert [*(await collect(csv, "rows")).entities] == ["1", "4"]


async def test_of_very_many_errors_the_first_are_told_and_all_are_counted(tmp_path: Path) -> None:
    report = await exporting(tmp_path).push("rows", outbound([(str(n), Student(name="")) for n in range(150)]))
    assert len(report.errors) == 101
    assert report.errors[-1] == "and 50 more"


async def test_a_push_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text("before")

    async def broken() -> AsyncIterator[OutboundRecord]:
        yield OutboundRecord("inside", "7", {"name": "Ann"})
        raise ConnectionError("the mapping service is away")

    with pytest.raises(ConnectionError):
        await exporting(tmp_path).push("rows", broken())
    assert files_in(tmp_path) == {"students.csv": b"before"}


async def test_what_a_crash_left_of_an_earlier_push_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".students.csv.0a1b2c3d.part").write_text("half")
    (tmp_path / ".courses.csv.0a1b2c3d.part").write_text("another stream's")
    await exporting(tmp_path).push("rows", outbound([("7", Student(name="Ann"))]))
    assert files_in(tmp_path).keys() == {"students.csv", ".courses.csv.0a1b2c3d.part"}


async def test_entities_of_one_kind_go_to_the_stream_that_has_a_line_for_them(tmp_path: Path) -> None:
    csv = open_connector(tmp_path, exportPath=str(tmp_path), preset="microsoft-sds-v1")
    raw = {"Section SIS ID": "11001", "SIS ID": "5"}
    enrollments = [csv.convert(stream, raw) for stream in ("student_enrollments", "teacher_enrollments")]
    for stream in ("student_enrollments", "teacher_enrollments"):
        report = await csv.push(stream, outbound(enrollments))
        assert (report.sent, report.errors) == (1, [])
    expected = b"Section SIS ID,SIS ID\r\n11001,5\r\n"
    assert (tmp_path / "StudentEnrollment.csv").read_bytes() == expected
    assert (tmp_path / "TeacherRoster.csv").read_bytes() == expected


async def test_without_a_folder_to_write_to_nothing_is_pushed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="exportPath is needed"):
        await open_connector(tmp_path).push("students", outbound([]))
    csv = open_connector(tmp_path, FileRoots([tmp_path]), exportPath=str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match="is no folder"):
        await csv.push("students", outbound([]))


async def test_a_stream_that_takes_over_everything_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="has to name them"):
        await exporting(tmp_path, {"extra": "*"}).push("rows", outbound([]))
