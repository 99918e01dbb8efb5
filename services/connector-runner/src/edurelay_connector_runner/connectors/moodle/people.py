"""The streams `students` and `teachers`: everybody who has such a role in some course, once.

First the ids of all who have the role are gathered from the courses, each course proven complete; only ids are kept.
Then the accounts are read by id, in the order of ids. Reading by id cannot skip anybody, and unlike the list of a
course it tells whether an account is suspended.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace

from edurelay_connector_runner.connectors.moodle.catalog import Course, course_rows, courses
from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, number
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.failures import Closed, Gone
from edurelay_connector_runner.connectors.moodle.ordered import chunks, in_order
from edurelay_connector_runner.connectors.moodle.place import Place
from edurelay_connector_runner.connectors.moodle.roles import is_student, is_teacher
from edurelay_connector_runner.connectors.moodle.roster import Roster
from edurelay_connector_runner.sdk import Page, Rejection, SourceRecord

FUNCTION = "core_user_get_users_by_field"
#: Rows with nothing but roles are small, and rarely need a second request for a course.
ROSTER_PAGE = 1_000
_MANGLED_NAME = re.compile(r".+\.\d{9,11}")
_MANGLED_EMAIL = re.compile(r"[0-9a-f]{32}")
_UNSEEN = (
    "Moodle lists the person in a course but does not show the account; the token's user needs moodle/user:viewdetails"
)


class People:
    """Reads the accounts of those who learn, or of those who teach."""

    def __init__(self, client: MoodleClient, config: MoodleConfig, *, teaching: bool) -> None:
        self._client = client
        self._config = config
        self._wanted: Callable[[Row, MoodleConfig], bool] = is_teacher if teaching else is_student

    async def pages(self, place: Place) -> AsyncGenerator[Page, None]:
        """Yield the accounts behind a place, in the order of their ids."""
        if not place.done:
            ids, proven = await self._ids()
            place = replace(place, proven=place.proven and proven)
            todo = list(chunks([user for user in ids if user > place.after], self._config.page_size))
            fetched = in_order(todo, lambda users: accounts(self._client, users), self._config.concurrency)
            async with aclosing(fetched) as answers:
                async for users, rows in answers:
                    unseen = sorted(set(users) - {row["id"] for row in rows})
                    place = Place(after=users[-1], proven=place.proven and not unseen)
                    rejected = [Rejection(_UNSEEN, where=f"user {user}", raw={"id": user}) for user in unseen]
                    yield Page(person_records(rows), place.cursor(), rejected, expected=len(ids))
        yield Page((), replace(place, done=True).cursor(), complete=place.proven)

    async def _ids(self) -> tuple[list[int], bool]:
        """Return the ids of all who have the role in some course, in order, and whether that is proven."""
        found: set[int] = set()
        proven = True
        rosters = in_order(await courses(self._client), self._course_ids, self._config.concurrency)
        async with aclosing(rosters) as answers:
            async for _, (ids, course_proven) in answers:
                found.update(ids)
                proven = proven and course_proven
        return sorted(found), proven

    async def _course_ids(self, course: Course) -> tuple[list[int], bool]:
        roster = Roster(self._client, course.id, ("id", "roles"), ROSTER_PAGE)
        try:
            async with aclosing(roster.everybody()) as people:
                ids = [row["id"] async for row in people if self._wanted(row, self._config)]
        except Gone:
            return [], True
        except Closed:
            if await course_rows(self._client, [course.id]):
                raise
            return [], True
        return ids, roster.proven


async def accounts(client: MoodleClient, users: Sequence[int]) -> list[Row]:
    """Return accounts by id, in the order of ids; deleted ones are still among them."""
    if not users:
        return []
    rows = await client.rows(FUNCTION, field="id", values=[str(user) for user in users])
    return sorted((_public(row) for row in rows), key=lambda row: number(FUNCTION, row))


def is_deleted(account: Row) -> bool:
    """Whether an account was deleted: Moodle still gives it back by id, with a mangled name and e-mail address."""
    username, email = account.get("username"), account.get("email")
    return (
        isinstance(username, str)
        and isinstance(email, str)
        and _MANGLED_NAME.fullmatch(username) is not None
        and _MANGLED_EMAIL.fullmatch(email) is not None
    )


def person_records(rows: Iterable[Row]) -> list[SourceRecord]:
    """Return accounts as records, without the deleted ones."""
    return [SourceRecord(row, where=f"user {row['id']}") for row in rows if not is_deleted(row)]


def _public(account: Row) -> Row:
    """Leave out the caller's own settings, which only the caller's own account has."""
    return {name: value for name, value in account.items() if name != "preferences"}
