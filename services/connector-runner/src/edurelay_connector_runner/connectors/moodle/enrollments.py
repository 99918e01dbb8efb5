"""The stream `enrollments`: who is in which course, as what, in which groups, and whether it counts now."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Set
from contextlib import aclosing
from dataclasses import dataclass

from edurelay_connector_runner.connectors.moodle.catalog import Course
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.roles import is_student, is_teacher
from edurelay_connector_runner.connectors.moodle.roster import Roster
from edurelay_connector_runner.connectors.moodle.walk import Part
from edurelay_connector_runner.sdk import SourceRecord

FIELDS = ("id", "roles", "groups")


@dataclass(frozen=True, slots=True)
class Opening:
    """A course whose first page was read; `inactive` are those whose place does not count now."""

    roster: Roster
    first: list[Row] | None
    inactive: Set[int]


class EnrollmentReader:
    """Reads the places of a course."""

    def __init__(self, client: MoodleClient, config: MoodleConfig) -> None:
        self._client = client
        self._config = config

    async def open(self, course: Course, after: int) -> Opening:
        """Ask for whose place does not count, and for the first page."""
        roster = Roster(self._client, course.id, FIELDS, self._config.page_size)
        inactive = await roster.inactive()
        return Opening(roster, None if after else await roster.first(), inactive)

    async def parts(self, course: Course, opening: Opening, after: int) -> AsyncGenerator[Part, None]:
        """Yield the places."""
        roster = opening.roster
        async with aclosing(roster.pages(opening.first, after=after)) as pages:
            async for rows in pages:
                after = max([after, *(row["id"] for row in rows)])
                yield Part(self.records(course.id, rows, opening.inactive), after, roster.proven)
        yield Part((), after, roster.proven)

    def records(self, course: int, rows: Iterable[Row], inactive: Set[int]) -> list[SourceRecord]:
        """Return places as records. Whoever is neither student nor teacher there has no place that could be told."""
        return [
            SourceRecord(
                {"course": course, "user": row, "active": row["id"] not in inactive},
                where=f"course {course}, user {row['id']}",
            )
            for row in rows
            if is_student(row, self._config) or is_teacher(row, self._config)
        ]
