"""Taking a stream up again: from any cursor the rest comes out, exactly, and changed files are noticed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edurelay_connector_runner.sdk import Connector, Cursor, Transient
from edurelay_connector_runner.sdk.reading import reading
from integration.generic_csv.driver import collect
from unit.generic_csv.connections import open_connector
from unit.generic_csv.layouts import STUDENTS


def write_students(folder: Path) -> None:
    """Write three files with repeated keys, bad lines, records over several lines, and much text."""
    for number in range(3):
        lines = ["id,name,notes"]
        for row in range(900):
            if row % 97 == 0:
                lines.append(f'{row},"lost')
            elif row % 50 == 0:
                lines.append(f'{number}-{row},"two\r\nlines",{"long " * 2000}')
            else:
                lines.append(f"{row % 700 + number * 500},Student {row},é")
        (folder / f"students{number}.csv").write_text("\n".join(lines), encoding="utf-16")


def students(folder: Path, **stream: Any) -> Connector:
    """Return a connector that reads them."""
    layout = {
        "streams": {"rows": {**STUDENTS, "files": "students*.csv", "extra": ["notes"], **stream}},
        "dialect": {"encoding": "utf-16"},
    }
    return open_connector(folder, layout=layout)


@pytest.mark.parametrize("distinct", [True, False], ids=["distinct", "repeats rejected"])
async def test_from_the_cursor_of_any_page_exactly_the_rest_is_read(tmp_path: Path, distinct: bool) -> None:
    write_students(tmp_path)
    csv = students(tmp_path, distinct=distinct)
    whole = await collect(csv, "rows")
    assert len(whole.cursors) > 3
    for pages, cursor in enumerate(whole.cursors, start=1):
        before = await collect(csv, "rows", pages=pages)
        after = await collect(csv, "rows", cursor)
        assert {**before.entities, **after.entities} == whole.entities
        assert before.records + after.records == whole.records
        assert [*before.rejected, *after.rejected] == whole.rejected
        assert after.complete


async def test_a_cursor_is_flat_and_says_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text("id,name\n1,Ann\n2,Bob\n")
    csv = open_connector(tmp_path, layout={"streams": {"rows": STUDENTS}})
    (cursor,) = (await collect(csv, "rows")).cursors
    assert (cursor["file"], cursor["offset"], cursor["line"]) == ("students.csv", 20, 3)
    assert cursor.keys() == {"file", "offset", "line", "files"}


async def test_behind_the_last_page_there_is_nothing_left_and_the_pass_is_still_complete(tmp_path: Path) -> None:
    write_students(tmp_path)
    csv = students(tmp_path)
    end = (await collect(csv, "rows")).cursors[-1]
    rest = await collect(csv, "rows", end)
    assert (rest.records, rest.rejected, rest.complete) == (0, [], True)


@pytest.mark.parametrize("change", ["content", "time", "another file", "layout"])
async def test_a_cursor_of_other_files_or_another_layout_means_the_beginning(tmp_path: Path, change: str) -> None:
    write_students(tmp_path)
    csv = students(tmp_path)
    cursor = (await collect(csv, "rows", pages=2)).cursors[-1]
    match change:
        case "content":
            path = tmp_path / "students0.csv"
            path.write_text(path.read_text("utf-16") + "\nnew,New,x", encoding="utf-16")
        case "time":
            os.utime(tmp_path / "students2.csv", ns=(1, 1))
        case "another file":
            (tmp_path / "students00.csv").write_text("id,name,notes\nnew,New,x", encoding="utf-16")
        case _:
            csv = students(tmp_path, key_prefix="x")
    again = await collect(csv, "rows", cursor)
    assert again.entities == (await collect(csv, "rows")).entities


async def test_a_cursor_that_makes_no_sense_means_the_beginning(tmp_path: Path) -> None:
    write_students(tmp_path)
    csv = students(tmp_path)
    whole = await collect(csv, "rows")
    odd: Cursor = {"file": 7, "offset": "x", "line": None, "files": whole.cursors[0]["files"]}
    assert (await collect(csv, "rows", odd)).entities == whole.entities


def change(path: Path, how: str) -> None:
    """Do to a file what people do to files."""
    match how:
        case "replaced":
            other = path.with_name("other")
            other.write_text(path.read_text().replace("Old", "New"))
            other.replace(path)
        case "appended":
            with path.open("a") as file:
                file.write("x,y\n")
        case _:
            path.unlink()


@pytest.mark.parametrize("how", ["replaced", "appended", "removed"])
async def test_a_file_that_changes_while_it_is_read_ends_the_attempt_and_the_next_one_starts_over(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "students.csv"
    content = "id,name\n" + "".join(f"{number},Old {number}\n" for number in range(3000))
    path.write_text(content)
    csv = open_connector(tmp_path, layout={"streams": {"rows": STUDENTS}})
    cursors: list[Cursor] = []

    async def read_while_it_changes() -> None:
        async with reading(csv, "rows", None) as pages:
            async for page in pages:
                cursors.append(page.cursor)
                change(path, how)

    with pytest.raises(Transient, match=r"students\.csv has (changed|disappeared)"):
        await read_while_it_changes()
    path.write_text(content.replace("Old", "New"))
    again = await collect(csv, "rows", cursors[-1])
    assert again.records == 3000
    assert again.complete


async def test_a_file_that_appears_during_the_pass_makes_it_incomplete(tmp_path: Path) -> None:
    write_students(tmp_path)
    csv = students(tmp_path)
    complete = []
    async with reading(csv, "rows", None) as pages:
        async for page in pages:
            complete.append(page.complete)
            (tmp_path / "students9.csv").write_text("id,name,notes\nnew,New,x", encoding="utf-16")
    assert complete[-1] is False
