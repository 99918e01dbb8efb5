"""The courses of a site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, number

FUNCTION = "core_course_get_courses"
#: The format of the course that stands for the site itself, and that everybody belongs to.
_SITE_FORMAT = "site"


@dataclass(frozen=True, slots=True)
class Course:
    """What the other streams need to know of a course. `completion` is None where the token may not know it."""

    id: int
    completion: bool | None


async def course_rows(client: MoodleClient, ids: Iterable[int] = ()) -> list[Row]:
    """Return all courses, or those with these ids, without the site's own, in the order of their ids.

    There are no pages here: one answer holds them all, in no order, and so it is complete.
    """
    wanted = list(ids)
    arguments: dict[str, Any] = {"options": {"ids": wanted}} if wanted else {}
    rows = await client.rows(FUNCTION, **arguments)
    taught = (row for row in rows if row.get("format") != _SITE_FORMAT)
    return sorted(taught, key=lambda row: number(FUNCTION, row))


async def courses(client: MoodleClient, ids: Iterable[int] = ()) -> list[Course]:
    """Return all courses, or those with these ids, in the order of their ids."""
    rows = await course_rows(client, ids)
    return [Course(number(FUNCTION, row), _flag(row.get("enablecompletion"))) for row in rows]


def _flag(value: Any) -> bool | None:
    return bool(value) if isinstance(value, int) else None
