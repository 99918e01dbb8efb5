"""The stream `groups`: one request for each course."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from edurelay_connector_runner.connectors.moodle.catalog import Course
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, number
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.ordered import chunks
from edurelay_connector_runner.connectors.moodle.walk import Part
from edurelay_connector_runner.sdk import SourceRecord

FUNCTION = "core_group_get_course_groups"
#: With this key anybody can join the group; Moodle tells it in clear text.
_SECRET = "enrolmentkey"  # noqa: S105


class GroupReader:
    """Reads the groups of a course."""

    def __init__(self, client: MoodleClient, config: MoodleConfig) -> None:
        self._client = client
        self._page_size = config.page_size

    async def open(self, course: Course, after: int) -> list[Row]:
        """Return the groups of a course, in the order of their ids and without their keys."""
        rows = await self._client.rows(FUNCTION, courseid=course.id)
        shown = ({name: value for name, value in row.items() if name != _SECRET} for row in rows)
        return sorted(shown, key=lambda row: number(FUNCTION, row))

    async def parts(self, course: Course, opening: list[Row], after: int) -> AsyncGenerator[Part, None]:
        """Yield the groups."""
        for rows in chunks([row for row in opening if row["id"] > after], self._page_size):
            yield Part(group_records(rows), after=rows[-1]["id"])


def group_records(rows: Iterable[Row]) -> list[SourceRecord]:
    """Return groups as records."""
    return [SourceRecord(row, where=f"course {row.get('courseid')}, group {row['id']}") for row in rows]
