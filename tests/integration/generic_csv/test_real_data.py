"""Real data: the counts that are published for them, and not one rejection."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edurelay.model import Course, Enrollment, Grade, Group, Student
from edurelay_connector_runner.sdk import Connector
from edurelay_connector_runner.sdk.reading import reading
from integration.generic_csv.driver import Collected, collect, outbound
from unit.generic_csv.connections import open_connector

REPOSITORY = Path(__file__).parents[3]
DATA = REPOSITORY.parent / "shared" / "data"
OULAD = DATA / "oulad"
SDS = DATA / "microsoft-sds" / "100-users"

needs_oulad = pytest.mark.skipif(not OULAD.is_dir(), reason=f"the Open University data set is not in {OULAD}")
needs_sds = pytest.mark.skipif(not SDS.is_dir(), reason=f"Microsoft's sample files are not in {SDS}")


def oulad(**changes: Any) -> Connector:
    """Return a connector with the example layout."""
    layout = tomllib.loads((REPOSITORY / "examples" / "oulad.toml").read_text("utf-8"))
    for stream, change in changes.items():
        layout["streams"][stream] |= change
    return open_connector(OULAD, layout=layout)


async def read_all(csv: Connector) -> dict[str, Collected]:
    """Read every stream; each has to be complete and without a rejection."""
    streams = {stream.name: await collect(csv, stream.name) for stream in csv.streams()}
    for read in streams.values():
        assert read.complete
        assert not read.rejected
        assert read.records == len(read.entities)
    return streams


@needs_oulad
async def test_the_open_university_data_set_is_read_whole() -> None:
    streams = await read_all(oulad())
    assert {name: read.records for name, read in streams.items()} == {
        "courses": 22,
        "students": 28_785,
        "enrollments": 32_593,
    }
    assert streams["courses"].entities["AAA:2013J"] == Course(
        name="AAA 2013J", code="AAA", extra={"presentation": "2013J", "length_in_days": 268}
    )
    student = streams["students"].entities["11391"]
    assert isinstance(student, Student)
    assert student.extra["region"] == "East Anglian Region"
    for enrollment in streams["enrollments"].entities.values():
        assert isinstance(enrollment, Enrollment)
        assert enrollment.student in streams["students"].entities
        assert enrollment.course in streams["courses"].entities
    results = Counter(read.extra["final_result"] for read in streams["enrollments"].entities.values())
    assert results == {"Pass": 12_361, "Withdrawn": 10_156, "Fail": 7_052, "Distinction": 3_024}
    active = sum(e.active for e in streams["enrollments"].entities.values() if isinstance(e, Enrollment))
    assert active == 32_593 - 10_156


@needs_oulad
async def test_the_open_university_results_can_be_switched_on() -> None:
    csv = oulad(grades={"enabled": True})
    keys: set[str] = set()
    without_score = 0
    async with reading(csv, "grades", None) as pages:
        async for page in pages:
            assert not page.rejected
            keys |= {csv.convert("grades", record.raw)[0] for record in page.records}
            without_score += sum(record.raw["score"] == "" for record in page.records)
    assert len(keys) == 173_912
    assert without_score == 173


async def test_an_open_university_result_is_a_grade_of_its_student() -> None:
    row = {"id_assessment": "1752", "id_student": "11391", "date_submitted": "18", "is_banked": "0", "score": "78"}
    grade = Grade(
        item="Assessment 1752",
        score=78.0,
        minimum=0.0,
        maximum=100.0,
        student="11391",
        extra={"day_submitted": 18, "banked": False},
    )
    csv = oulad(grades={"enabled": True})
    assert csv.convert("grades", row) == ("1752:11391", grade)


@needs_sds
async def test_microsofts_sample_school_is_read_whole() -> None:
    streams = await read_all(open_connector(SDS, preset="microsoft-sds-v1"))
    assert {name: read.records for name, read in streams.items()} == {
        "organizations": 2,
        "courses": 28,
        "groups": 28,
        "teachers": 12,
        "students": 86,
        "student_enrollments": 602,
        "teacher_enrollments": 28,
    }
    assert streams["groups"].entities["11001"] == Group(
        name="Math - Algebra 1",
        code="11001",
        starts_at="2017-07-01",
        ends_at="2018-06-30",
        course="11001",
        organization="10001",
        extra={"Term SIS ID": "12000", "Term Name": "SY1516", "Periods": "1"},
    )
    assert streams["students"].entities["13001"] == Student(
        name="Ora Christopher Klein",
        given_name="Ora",
        family_name="Klein",
        username="OKlein",
        number="13001",
        organization="10001",
        extra={
            "Middle Name": "Christopher",
            "State ID": "WA",
            "Grade": "9",
            "Birthdate": "4/2/2000",
            "Graduation Year": "2019",
        },
    )
    people = {**streams["students"].entities, **streams["teachers"].entities}
    for enrollment in (streams["student_enrollments"].entities | streams["teacher_enrollments"].entities).values():
        assert isinstance(enrollment, Enrollment)
        assert (enrollment.student or enrollment.teacher) in people
        assert enrollment.group in streams["groups"].entities


@needs_sds
async def test_no_password_of_microsofts_sample_school_leaves_its_files() -> None:
    csv = open_connector(SDS, preset="microsoft-sds-v1")
    for stream in ("students", "teachers"):
        async for page in csv.read(stream, None):
            assert "P@ssw" not in repr(page)


@needs_sds
async def test_microsofts_sample_school_is_the_same_after_an_export_and_an_import(tmp_path: Path) -> None:
    before = await read_all(open_connector(SDS, preset="microsoft-sds-v1"))
    back = open_connector(tmp_path, preset="microsoft-sds-v1", exportPath=str(tmp_path))
    for name, read in before.items():
        if name == "courses":
            continue  # Courses and groups share Section.csv, of which each stream alone writes only its own columns.
        report = await back.push(name, outbound([*read.entities.items()]))
        assert (report.sent, report.errors) == (read.records, [])
    for name in before.keys() - {"courses"}:
        assert (await collect(back, name)).entities == before[name].entities
