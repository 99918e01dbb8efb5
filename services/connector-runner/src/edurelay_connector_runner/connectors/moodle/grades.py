"""The stream `grades`: every item of the gradebook in which a student has a value.

One request tells of all students whose place counts now; the others are asked for one by one. A course with very
many students is read one by one altogether, because its one answer would be as large as the course.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from edurelay_connector_runner.connectors.moodle.catalog import Course
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, number, objects
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.failures import Gone
from edurelay_connector_runner.connectors.moodle.learners import Learners, learners, parts_of_learners
from edurelay_connector_runner.connectors.moodle.walk import Part
from edurelay_connector_runner.sdk import SourceRecord

FUNCTION = "gradereport_user_get_grade_items"
#: What is kept of an item. Everything else depends on the language, on other people's grades, or comes and goes.
KEPT = (
    "id", "itemname", "itemtype", "itemmodule", "cmid", "idnumber", "graderaw", "grademin", "grademax",
    "gradedatesubmitted", "gradedategraded", "gradeishidden", "gradeislocked", "gradeisoverridden",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """The students of a course, and the graded items of those whom one request told of."""

    learners: Learners
    told: Mapping[int, list[Row]]


class GradeReader:
    """Reads the grades of a course."""

    def __init__(self, client: MoodleClient, config: MoodleConfig) -> None:
        self._client = client
        self._config = config

    async def open(self, course: Course, after: int) -> Opening:
        """Ask who the students are, and for the grades of all at once unless they are too many."""
        who = await learners(self._client, self._config, course.id)
        if not 0 < len(who.ids) <= self._config.grades_at_once:
            return Opening(who, {})
        return Opening(who, await self._graded(courseid=course.id))

    async def parts(self, course: Course, opening: Opening, after: int) -> AsyncGenerator[Part, None]:
        """Yield the grades, student by student."""

        async def read(user: int) -> list[SourceRecord]:
            items = opening.told.get(user)
            return self.records(course.id, user, items) if items is not None else await self.of(course.id, user)

        async for part in parts_of_learners(opening.learners, after, read, self._config):
            yield part

    async def of(self, course: int, user: int) -> list[SourceRecord]:
        """Return the grades of one student in one course; none where the account was deleted."""
        try:
            graded = await self._graded(courseid=course, userid=user)
        except Gone:
            return []
        return self.records(course, user, graded.get(user, []))

    @staticmethod
    def records(course: int, user: int, items: list[Row]) -> list[SourceRecord]:
        """Return graded items as records."""
        return [
            SourceRecord(
                {"course": course, "user": user, "item": item},
                where=f"course {course}, item {item.get('id')}, user {user}",
            )
            for item in items
        ]

    async def _graded(self, **arguments: int) -> dict[int, list[Row]]:
        """Return the items with a value by student, in the order of their ids."""
        told = await self._client.rows_in("usergrades", FUNCTION, **arguments)
        return {number(FUNCTION, row, "userid"): _with_value(row) for row in told}


def _with_value(report: Row) -> list[Row]:
    items = objects(FUNCTION, report.get("gradeitems"))
    graded = [item for item in items if item.get("graderaw") is not None]
    graded.sort(key=lambda item: number(FUNCTION, item))
    return [{name: item[name] for name in KEPT if name in item} for item in graded]
