"""A generated school in CSV files: 5,000 records in two streams, the second of which refers to the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STUDENTS, ENROLLMENTS = 2_000, 3_000


@dataclass(frozen=True, slots=True)
class School:
    """The files below `folder`, and the outside ids in them by entity type."""

    folder: Path
    ids: dict[str, list[str]]

    @property
    def size(self) -> int:
        """How many records there are."""
        return sum(len(ids) for ids in self.ids.values())


def write_school(folder: Path) -> School:
    """Write the files in the connector's own layout."""
    folder.mkdir(parents=True)
    students = [f"s{n:05}" for n in range(STUDENTS)]
    enrollments = [f"e{n:05}" for n in range(ENROLLMENTS)]
    lines = [f"{each},Student {each},{each}@school.example\n" for each in students]
    (folder / "students.csv").write_text("id,name,email\n" + "".join(lines))
    lines = [f"{each},student,{students[n % STUDENTS]}\n" for n, each in enumerate(enrollments)]
    (folder / "enrollments.csv").write_text("id,role,student\n" + "".join(lines))
    return School(folder, {"student": students, "enrollment": enrollments})
