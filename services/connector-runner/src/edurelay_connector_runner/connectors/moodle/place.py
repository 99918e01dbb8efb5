"""Where reading stands, and the cursor that says so."""

from __future__ import annotations

from dataclasses import dataclass

from edurelay_connector_runner.sdk import Cursor

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to here was given out.

    Streams go through ids in ascending order. `course` is the last course that was touched; `after` is the last id
    inside of it, or 0 where the course is finished. Streams that have no courses use `after` alone. `proven` is
    False once something could not be shown to be complete; `done` means that the stream has ended.
    """

    course: int = 0
    after: int = 0
    proven: bool = True
    done: bool = False

    def cursor(self) -> Cursor:
        """Return the place as a cursor."""
        return {"v": _VERSION, "course": self.course, "after": self.after, "proven": self.proven, "done": self.done}

    @classmethod
    def of(cls, cursor: Cursor | None) -> Place:
        """Read a cursor; one that this version did not write means the beginning, which loses nothing."""
        if cursor is None or cursor.get("v") != _VERSION:
            return cls()
        course, after = cursor.get("course"), cursor.get("after")
        if not isinstance(course, int) or not isinstance(after, int):
            return cls()
        return cls(course, after, cursor.get("proven") is True, cursor.get("done") is True)

    def still_to_read(self, course: int) -> bool:
        """Whether anything of a course is behind this place."""
        return course > self.course or (course == self.course and self.after > 0)

    def inside(self, course: int) -> int:
        """Return the id inside a course behind which reading goes on."""
        return self.after if course == self.course else 0
