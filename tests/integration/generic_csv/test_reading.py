"""Reading a folder: every row of every file is a record or a rejection that says where it stood and why."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from edurelay.model import Student
from edurelay_connector_runner.connectors.generic_csv.encodings import EncodingName, for_writing
from edurelay_connector_runner.connectors.generic_csv.reader import PAGE_RECORDS
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import ConfigurationError, Connector, Permanent
from integration.generic_csv.driver import collect
from unit.generic_csv.connections import open_connector
from unit.generic_csv.layouts import STUDENTS

HEADER = "id,name\n"


def students(folder: Path, stream: dict[str, Any] | None = None, **layout: Any) -> Connector:
    """Return a connector with one stream of students, `rows`."""
    return open_connector(folder, layout={"streams": {"rows": {**STUDENTS, **(stream or {})}}, **layout})


def open_files() -> list[Path]:
    """Return the files that this process has open."""
    return [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]


def rows(count: int, start: int = 0) -> str:
    """Return this many students."""
    return "".join(f"{number},Student {number}\n" for number in range(start, start + count))


async def test_a_file_is_read_in_pages_and_the_last_one_says_that_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text(HEADER + rows(1200))
    read = await collect(students(tmp_path), "rows")
    assert read.entities == {str(n): Student(name=f"Student {n}") for n in range(1200)}
    assert len(read.cursors) == 1200 // PAGE_RECORDS + 1
    assert read.complete


async def test_all_files_that_match_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "south").mkdir()
    (tmp_path / "b.csv").write_text(HEADER + "2,Bob\n")
    (tmp_path / "a.csv").write_text("name,id\nAnn,1\n")
    (tmp_path / "south" / "a.csv").write_text(HEADER + "3,Cy\n")
    (tmp_path / ".hidden.csv").write_text("nonsense")
    (tmp_path / "notes.txt").write_text("nonsense")
    read = await collect(students(tmp_path, {"files": "**/*.csv"}), "rows")
    assert [*read.entities] == ["1", "2", "3"]
    assert read.complete


@pytest.mark.parametrize("name", ["utf-8", "utf-8-bom", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "latin-1"])
async def test_every_encoding_is_read(tmp_path: Path, name: EncodingName) -> None:
    encoding = for_writing(name)
    text = "id;name\r\n1;Renée Peña\r\n2;'Ærø; Åse'\r\n"
    (tmp_path / "students.csv").write_bytes(encoding.mark + text.encode(encoding.codec))
    dialect = {"encoding": name, "delimiter": ";", "quote": "'"}
    read = await collect(students(tmp_path, dialect=dialect), "rows")
    assert [student.name for student in read.entities.values() if isinstance(student, Student)] == [
        "Renée Peña",
        "Ærø; Åse",
    ]


async def test_lines_before_the_header_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text('Report of "today\n\n' + HEADER + "1,Ann\n")
    read = await collect(students(tmp_path, dialect={"skip_rows": 2}), "rows")
    assert [*read.entities] == ["1"]


async def test_bad_lines_are_rejected_by_file_line_column_and_reason_and_all_others_are_read(tmp_path: Path) -> None:
    content = (
        b"id,name,born\n"
        b"1,Ann,2010-01-01\n"
        b"2,Bob\n"
        b"3,Cy,2010-01-03,x\n"
        b"4,Ren\xe9,2010-01-04\n"
        b"5,F\0y,2010-01-05\n"
        b'6,"Eve,2010-01-06\n'
        b"7,Gus,first of May\n"
        b",Hal,2010-01-08\n"
        b"9,,2010-01-09\n"
        b'10,"Two\nlines",2010-01-10\n'
        b"1,Ann again,2010-01-11\n"
        b"12,Kim,2010-01-12\n"
    )
    (tmp_path / "students.csv").write_bytes(content)
    fields = {"name": "name", "extra:born": {"column": "born", "type": "date"}}
    read = await collect(students(tmp_path, {"fields": fields}), "rows")
    assert [*read.entities] == ["1", "10", "12"]
    assert [(bad.where, bad.line, bad.column, bad.field) for bad in read.rejected] == [
        ("students.csv:3", 3, 3, "born"),
        ("students.csv:4", 4, 4, None),
        ("students.csv:5", 5, 2, "name"),
        ("students.csv:6", 6, 2, "name"),
        ("students.csv:7", 7, 2, "name"),
        ("students.csv:8", 8, 3, "born"),
        ("students.csv:9", 9, 1, "id"),
        ("students.csv:10", 10, 2, "name"),
        ("students.csv:13", 13, 1, "id"),
    ]
    reasons = [bad.reason for bad in read.rejected]
    assert reasons[0] == "the line has 2 columns instead of 3"
    assert reasons[1] == "the line has 4 columns instead of 3"
    assert "is no utf-8" in reasons[2]
    assert "NUL" in reasons[3]
    assert reasons[4] == "there is text behind the closing quote"
    assert "'first of May' is no date" in reasons[5]
    assert reasons[6] == "the key column id has no value"
    assert reasons[7] == "name has no value"
    assert reasons[8] == "the key 1 has been read before, at students.csv:2"
    assert read.rejected[5].raw == {"id": "7", "name": "Gus", "born": "first of May"}
    assert read.complete


async def test_a_line_of_a_file_with_passwords_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text(
        'id,name,Password,pin\n1,"Ann,P@ss1,123\n2,,P@ss2,456\n3,Cy,P@ss3\n4,Di,P@ss4,7\n'
    )
    read = await collect(students(tmp_path, {"exclude": ["pin"], "extra": "*"}), "rows")
    assert read.entities == {"4": Student(name="Di")}
    assert [bad.raw for bad in read.rejected] == [None, {"id": "2", "name": ""}, None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "students.csv is empty"),
        ("\n\n", "students.csv is empty"),
        ("id,name\n", "students.csv has a header and nothing else"),
        ("id,title\n1,x\n", "students.csv has no column 'name', which its layout reads; it has: id, title"),
        ("id;name\n1;x\n", "students.csv has no column 'id'"),
        ("id,name,name\n1,x,y\n", "students.csv: 2 columns are named 'name'"),
        ("id,name,\n1,x,y\n", "students.csv: column 3 has no name"),
        ('id,"name\n1,x\n', "students.csv: the header in line 1 cannot be read"),
        ("\ufeffid,name\n1,x\n".encode("utf-16"), "students.csv: the file begins with the mark of utf-16-le"),
        (",".join(f"c{n}" for n in range(600)) + "\n", "students.csv has 600 columns; at most 512 are read"),
    ],
)
async def test_a_file_that_is_wrong_as_a_whole_fails_its_stream_with_file_and_column(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    (tmp_path / "students.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Permanent) as caught:
        await collect(students(tmp_path), "rows")
    assert str(caught.value).startswith(reason)


async def test_a_missing_file_fails_its_stream_with_the_pattern(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"no file matches students\*\.csv"):
        await collect(students(tmp_path, {"files": "students*.csv"}), "rows")


async def test_an_optional_file_that_is_missing_gives_nothing_and_proves_nothing(tmp_path: Path) -> None:
    read = await collect(students(tmp_path, {"optional": True}), "rows")
    assert (read.records, read.rejected, read.complete) == (0, [], False)


async def test_a_missing_folder_is_a_mistake_of_the_config(tmp_path: Path) -> None:
    csv = open_connector(tmp_path / "gone", FileRoots([tmp_path]), layout={"streams": {"rows": STUDENTS}})
    with pytest.raises(ConfigurationError, match="is no folder"):
        await collect(csv, "rows")


async def test_no_link_leads_out_of_the_allowed_folders(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (outside / "students.csv").write_text(HEADER + "1,Ann\n")
    (folder / "students.csv").symlink_to(outside / "students.csv")
    with pytest.raises(Permanent, match="outside of the folders"):
        await collect(students(folder), "rows")
    csv = open_connector(outside, FileRoots([folder]), layout={"streams": {"rows": STUDENTS}})
    with pytest.raises(ConfigurationError, match="outside of the folders"):
        await collect(csv, "rows")


async def test_of_repeated_keys_the_first_row_counts_where_the_layout_allows_them(tmp_path: Path) -> None:
    (tmp_path / "students1.csv").write_text(HEADER + "1,\n1,Ann\n1,Annie\n2,Bob\n")
    (tmp_path / "students2.csv").write_text(HEADER + "1,Anna\n3,Cy\n")
    read = await collect(students(tmp_path, {"files": "students*.csv", "distinct": True}), "rows")
    assert [(key, entity.name) for key, entity in read.entities.items() if isinstance(entity, Student)] == [
        ("1", "Ann"),
        ("2", "Bob"),
        ("3", "Cy"),
    ]
    assert read.records == 3
    assert [bad.where for bad in read.rejected] == ["students1.csv:2"]


async def test_one_file_feeds_several_streams_each_with_its_own_rows(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,name,role\n1,Ann,student\n2,Bob,teacher\n3,Cy,student\n")
    people = {**STUDENTS, "files": "people.csv"}
    csv = open_connector(
        tmp_path,
        layout={
            "streams": {
                "pupils": {**people, "where": "role == 'student'"},
                "staff": {**people, "entity_type": "teacher", "where": "role == 'teacher'"},
            }
        },
    )
    assert [*(await collect(csv, "pupils")).entities] == ["1", "3"]
    assert [*(await collect(csv, "staff")).entities] == ["2"]


async def test_the_event_loop_never_touches_a_file(tmp_path: Path) -> None:
    class Witness(FileRoots):
        """Real file roots that remember who asked."""

        threads: set[int] = set()

        def resolve(self, path: str) -> Path:
            self.threads.add(threading.get_ident())
            return super().resolve(path)

    (tmp_path / "students.csv").write_text(HEADER + rows(10))
    witness = Witness([tmp_path])
    csv = open_connector(tmp_path, witness, layout={"streams": {"rows": STUDENTS}})
    await collect(csv, "rows")
    await csv.check()
    assert witness.threads
    assert threading.get_ident() not in witness.threads


async def test_a_reader_that_is_cancelled_lets_go_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text(HEADER + rows(20_000))
    csv = students(tmp_path)
    for pause in range(5):
        reading = asyncio.create_task(collect(csv, "rows"))
        await asyncio.sleep(pause / 100)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert not [path for path in open_files() if tmp_path in path.parents]


async def test_a_check_reads_the_header_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "students1.csv").write_text(HEADER + "1,Ann\n")
    (tmp_path / "students2.csv").write_text(HEADER + "2,Bob\n")
    report = await students(tmp_path, {"files": "students?.csv", "extra": ["house"]}).check()
    assert report.ok
    assert report.message == "2 files can be read"
    assert report.details["files"] == {"rows": ["students1.csv", "students2.csv"]}
    assert report.details["missing_columns"] == {"rows, students1.csv": ["house"], "rows, students2.csv": ["house"]}


async def test_a_check_names_every_problem(tmp_path: Path) -> None:
    (tmp_path / "courses.csv").write_text("id,title\n1,x\n")
    course = {"entity_type": "course", "files": "courses.csv", "key": ["id"], "fields": {"name": "name"}}
    csv = open_connector(tmp_path, layout={"streams": {"rows": STUDENTS, "courses": course}})
    report = await csv.check()
    assert not report.ok
    assert {*report.problems} == {
        "courses: courses.csv has no column 'name', which its layout reads; it has: id, title",
        "rows: no file matches students.csv",
    }


async def test_a_check_of_a_folder_without_any_of_the_files_fails(tmp_path: Path) -> None:
    report = await open_connector(tmp_path).check()
    assert not report.ok
    assert "holds no file of the layout" in report.message


async def test_a_check_of_a_missing_folder_says_so(tmp_path: Path) -> None:
    report = await open_connector(tmp_path / "gone", FileRoots([tmp_path])).check()
    assert not report.ok
    assert "is no folder" in report.message


async def test_a_row_may_be_tried_again_unless_it_is_broken_or_its_key_has_been_read_before(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text(HEADER + "1,Ann\n2,\n3,Cy,surplus\n1,Annie\n")
    read = await collect(students(tmp_path), "rows")
    assert [(bad.raw, bad.whole) for bad in read.rejected] == [
        ({"id": "2", "name": ""}, True),
        ("3,Cy,surplus", False),
        ({"id": "1", "name": "Annie"}, False),
    ]
