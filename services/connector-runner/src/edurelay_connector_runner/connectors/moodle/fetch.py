"""Single records by external id, for webhooks that only say what changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from edurelay_connector_runner.connectors.moodle.catalog import Course, course_rows, courses
from edurelay_connector_runner.connectors.moodle.client import MoodleClient
from edurelay_connector_runner.connectors.moodle.completions import CompletionReader
from edurelay_connector_runner.connectors.moodle.completions import Opening as CompletionOpening
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.courses import course_records
from edurelay_connector_runner.connectors.moodle.enrollments import FIELDS, EnrollmentReader
from edurelay_connector_runner.connectors.moodle.failures import Gone
from edurelay_connector_runner.connectors.moodle.grades import GradeReader
from edurelay_connector_runner.connectors.moodle.groups import GroupReader, group_records
from edurelay_connector_runner.connectors.moodle.keys import place_of, single
from edurelay_connector_runner.connectors.moodle.learners import Learners
from edurelay_connector_runner.connectors.moodle.mapping import convert
from edurelay_connector_runner.connectors.moodle.ordered import chunks, in_order
from edurelay_connector_runner.connectors.moodle.people import accounts, person_records
from edurelay_connector_runner.connectors.moodle.roster import Roster
from edurelay_connector_runner.sdk import BadRecord, SourceRecord


class Fetch:
    """Fetches records of one site. Keys that are none, and keys of nothing, are passed over."""

    def __init__(self, client: MoodleClient, config: MoodleConfig) -> None:
        self._client = client
        self._config = config

    async def records(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the records with these external ids that the site has."""
        found: list[SourceRecord] = []
        if stream == "groups":
            found = await self._groups({id_ for key in keys if (id_ := single(key)) is not None})
        elif stream in ("courses", "students", "teachers"):
            ids = sorted({id_ for key in keys if (id_ := single(key)) is not None})
            for part in chunks(ids, self._config.page_size):
                found += await self._by_id(stream, part)
        else:
            for course, user in sorted({place for key in keys if (place := place_of(stream, key)) is not None}):
                try:
                    found += await self._in_course(stream, course, user)
                except Gone:
                    continue
        return [record for record in found if self._key(stream, record) in keys]

    async def _by_id(self, stream: str, ids: Sequence[int]) -> list[SourceRecord]:
        if stream == "courses":
            return course_records(await course_rows(self._client, ids))
        return person_records(await accounts(self._client, ids))

    async def _in_course(self, stream: str, course: int, user: int) -> list[SourceRecord]:
        """Return what a stream has of one person in one course."""
        if stream == "grades":
            return await GradeReader(self._client, self._config).of(course, user)
        if stream == "completions":
            reader = CompletionReader(self._client, self._config)
            return await reader.of(course, user, CompletionOpening(Learners((user,), proven=True)))
        roster = Roster(self._client, course, FIELDS, self._config.page_size)
        rows = await roster.find([user])
        inactive = await roster.inactive() if rows else set()
        return EnrollmentReader(self._client, self._config).records(course, rows, inactive)

    async def _groups(self, wanted: set[int]) -> list[SourceRecord]:
        """Return groups by id. Moodle lists them by course only, so the courses are gone through."""
        reader = GroupReader(self._client, self._config)

        async def ask(course: Course) -> list[SourceRecord]:
            rows = await reader.open(course, 0)
            return group_records(row for row in rows if row["id"] in wanted)

        found: list[SourceRecord] = []
        async with aclosing(in_order(await courses(self._client), ask, self._config.concurrency)) as answers:
            async for _, records in answers:
                found += records
                if len(found) == len(wanted):
                    break
        return found

    def _key(self, stream: str, record: SourceRecord) -> str | None:
        try:
            return convert(stream, record.raw, self._config)[0]
        except BadRecord:
            return None
