"""Streams that are read course by course: the order, the pages, the cursor and the proof that nothing is missing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from edurelay_connector_runner.connectors.moodle.catalog import Course, course_rows, courses
from edurelay_connector_runner.connectors.moodle.client import MoodleClient
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.failures import Closed, Gone
from edurelay_connector_runner.connectors.moodle.ordered import in_order
from edurelay_connector_runner.connectors.moodle.place import Place
from edurelay_connector_runner.sdk import Page, SourceRecord

Opening = TypeVar("Opening")


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of a course, up to and with those of id `after`. `proven` is False if any may be missing."""

    records: Sequence[SourceRecord]
    after: int
    proven: bool = True


class CourseReader(Protocol[Opening]):
    """How one kind of record is read out of a course. `open` is called ahead, for several courses at once."""

    async def open(self, course: Course, after: int) -> Opening:
        """Ask for whatever has to be known before the first record behind id `after`."""

    def parts(self, course: Course, opening: Opening, after: int) -> AsyncGenerator[Part, None]:
        """Yield the records behind id `after`, in the order of ids, in parts of at most a page."""


class Walk(Generic[Opening]):
    """Goes through all courses with one reader."""

    def __init__(self, client: MoodleClient, config: MoodleConfig, reader: CourseReader[Opening]) -> None:
        self._client = client
        self._config = config
        self._reader = reader

    async def pages(self, place: Place) -> AsyncGenerator[Page, None]:
        """Yield the pages behind a place. The last one is empty and says whether everything was seen."""
        begun = place
        todo: list[Course] = []
        if not place.done:
            todo = [course for course in await courses(self._client) if place.still_to_read(course.id)]
        opened = in_order(todo, lambda course: self._open(course, begun), self._config.concurrency)
        waiting: list[SourceRecord] = []
        async with aclosing(opened):
            async for course, opening in opened:
                async with aclosing(self._parts(course, opening, begun)) as parts:
                    async for part in parts:
                        if waiting and len(waiting) + len(part.records) > self._config.page_size:
                            yield Page(waiting, place.cursor())
                            waiting = []
                        waiting.extend(part.records)
                        place = Place(course.id, part.after, place.proven and part.proven)
                place = replace(place, course=course.id, after=0)
        if waiting:
            yield Page(waiting, place.cursor())
        yield Page((), replace(place, done=True).cursor(), complete=place.proven)

    async def _open(self, course: Course, begun: Place) -> Opening | None:
        """Open a course; None where it was deleted since the courses were listed."""
        try:
            return await self._reader.open(course, begun.inside(course.id))
        except Gone:
            return None
        except Closed:
            if await course_rows(self._client, [course.id]):
                raise
            return None

    async def _parts(self, course: Course, opening: Opening | None, begun: Place) -> AsyncGenerator[Part, None]:
        """Yield the parts of a course, as far as they come before the course is deleted."""
        if opening is None:
            return
        async with aclosing(self._reader.parts(course, opening, begun.inside(course.id))) as parts:
            try:
                async for part in parts:
                    yield part
            except Gone:
                return
