"""The stream `completions`: what students have begun or completed, in activities and in whole courses.

Moodle tells it of one student in one course at a time, in two requests. So the stream is there only where the
connection's config asks for it, and courses that do not track completion are left out.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from edurelay_connector_runner.connectors.moodle.catalog import Course, courses
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, objects
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.failures import Gone, NoCriteria, NotTracked, NotViewable
from edurelay_connector_runner.connectors.moodle.learners import Learners, learners, parts_of_learners
from edurelay_connector_runner.connectors.moodle.walk import Part
from edurelay_connector_runner.sdk import SourceRecord

ACTIVITIES = "core_completion_get_activities_completion_status"
COURSE = "core_completion_get_course_completion_status"
_STATUS_KEPT = ("cmid", "modname", "instance", "state", "timecompleted")


@dataclass(slots=True)
class Opening:
    """The students of a course; `criteria` turns False once it is known that the course as a whole has none."""

    learners: Learners
    criteria: bool = True


class CompletionReader:
    """Reads the completions of a course."""

    def __init__(self, client: MoodleClient, config: MoodleConfig) -> None:
        self._client = client
        self._config = config

    async def open(self, course: Course, after: int) -> Opening:
        """Ask who the students are, in a course that tracks completion."""
        if course.completion is False:
            return Opening(Learners((), proven=True))
        return Opening(await learners(self._client, self._config, course.id))

    async def parts(self, course: Course, opening: Opening, after: int) -> AsyncGenerator[Part, None]:
        """Yield the completions, student by student."""

        async def read(user: int) -> list[SourceRecord]:
            return await self.of(course.id, user, opening)

        async for part in parts_of_learners(opening.learners, after, read, self._config):
            yield part

    async def of(self, course: int, user: int, opening: Opening) -> list[SourceRecord]:
        """Return the completions of one student in one course; none where the account was deleted."""
        try:
            statuses = await self._client.rows_in("statuses", ACTIVITIES, courseid=course, userid=user)
            whole = await self._whole(course, user, opening, tracked=bool(statuses))
        except Gone:
            return []
        raws: list[Row] = [
            {"activity": {name: row[name] for name in _STATUS_KEPT if name in row}}
            for row in statuses
            if row.get("state") != 0
        ]
        if whole is not None:
            raws.append({"whole": whole})
        return [SourceRecord({"course": course, "user": user, **raw}, f"course {course}, user {user}") for raw in raws]

    async def _whole(self, course: int, user: int, opening: Opening, *, tracked: bool) -> Row | None:
        """Return what Moodle says of a course that the student has completed. `tracked` says whether it tracks any
        activity. Raises `NotViewable` unless the course may be one that does not track completion."""
        if not opening.criteria:
            return None
        try:
            answer = await self._client.call(COURSE, courseid=course, userid=user)
        except NoCriteria:
            opening.criteria = False
            return None
        except NotTracked:
            return None
        except NotViewable:
            if tracked or any(each.completion for each in await courses(self._client, [course])):
                raise
            opening.criteria = False
            return None
        status = answer.get("completionstatus") if isinstance(answer, dict) else None
        if not isinstance(status, dict) or status.get("completed") is not True:
            return None
        criteria = objects(COURSE, status.get("completions"))
        times = [row["timecompleted"] for row in criteria if row.get("timecompleted")]
        return {"aggregation": status.get("aggregation"), "times": times}
