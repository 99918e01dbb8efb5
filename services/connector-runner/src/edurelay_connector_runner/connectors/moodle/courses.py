"""The stream `courses`: one answer holds them all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from edurelay_connector_runner.connectors.moodle.catalog import course_rows
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.ordered import chunks
from edurelay_connector_runner.connectors.moodle.place import Place
from edurelay_connector_runner.sdk import Page, SourceRecord


def course_records(rows: Sequence[Row]) -> list[SourceRecord]:
    """Return courses as records."""
    return [SourceRecord(row, where=f"course {row['id']}") for row in rows]


async def read_courses(client: MoodleClient, config: MoodleConfig, place: Place) -> AsyncGenerator[Page, None]:
    """Yield the courses behind a place, in the order of their ids."""
    if not place.done:
        rows = await course_rows(client)
        todo = [row for row in rows if row["id"] > place.after]
        for part in chunks(todo, config.page_size):
            place = Place(after=part[-1]["id"])
            yield Page(course_records(part), place.cursor(), expected=len(rows))
    yield Page((), replace(place, done=True).cursor(), complete=True)
