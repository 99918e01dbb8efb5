"""The students of a course, and something read for each of them: what grades and completions have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from edurelay_connector_runner.connectors.moodle.client import MoodleClient
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.ordered import in_order
from edurelay_connector_runner.connectors.moodle.people import ROSTER_PAGE
from edurelay_connector_runner.connectors.moodle.roles import is_student
from edurelay_connector_runner.connectors.moodle.roster import Roster
from edurelay_connector_runner.connectors.moodle.walk import Part
from edurelay_connector_runner.sdk import SourceRecord


@dataclass(frozen=True, slots=True)
class Learners:
    """The ids of the students of a course, in order, and whether the list is proven complete."""

    ids: Sequence[int]
    proven: bool


async def learners(client: MoodleClient, config: MoodleConfig, course: int) -> Learners:
    """Return the students of a course, those included whose place does not count now."""
    roster = Roster(client, course, ("id", "roles"), ROSTER_PAGE)
    async with aclosing(roster.everybody()) as people:
        ids = [row["id"] async for row in people if is_student(row, config)]
    return Learners(ids, roster.proven)


async def parts_of_learners(
    who: Learners, after: int, read: Callable[[int], Awaitable[list[SourceRecord]]], config: MoodleConfig
) -> AsyncGenerator[Part, None]:
    """Yield what `read` gives for each student behind id `after`, in parts of about a page."""
    records: list[SourceRecord] = []
    todo = [user for user in who.ids if user > after]
    async with aclosing(in_order(todo, read, config.concurrency)) as answers:
        async for user, read_records in answers:
            if records and len(records) + len(read_records) > config.page_size:
                yield Part(records, after, who.proven)
                records = []
            records.extend(read_records)
            after = user
    yield Part(records, after, who.proven)
