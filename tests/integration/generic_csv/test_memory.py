"""Memory does not grow with the file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from edurelay_connector_runner.sdk.reading import reading
from unit.generic_csv.connections import open_connector
from unit.generic_csv.layouts import STUDENTS

#: How much more a pass over the large file, of four megabytes, may take at its peak: what the index of keys holds
#: differs by little, and whatever else lives in the process is traced as well.
MARGIN = 1024 * 1024


def write_students(folder: Path, rows: int) -> None:
    """Make a folder with a file of so many rows."""
    folder.mkdir()
    with (folder / "students.csv").open("w") as file:
        file.write("id,name,notes\n")
        file.writelines(f"{number},Student {number},{'x' * 60}\n" for number in range(rows))


async def peak_of(folder: Path, rows: int) -> int:
    """Return the peak of traced memory while a file with so many rows is read, in bytes."""
    write_students(folder, rows)
    csv = open_connector(folder, layout={"streams": {"rows": {**STUDENTS, "extra": "*"}}})
    read = 0
    tracemalloc.start()
    try:
        async with reading(csv, "rows", None) as pages:
            async for page in pages:
                read += len(page.records)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == rows
    return peak


async def test_a_file_that_is_twenty_five_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    await peak_of(tmp_path / "warm", 1000)
    small, large = await peak_of(tmp_path / "small", 2_000), await peak_of(tmp_path / "large", 50_000)
    assert large < small + MARGIN
