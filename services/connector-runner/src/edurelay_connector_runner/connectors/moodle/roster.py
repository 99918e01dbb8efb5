"""The people of one course, each of them, although the list moves while it is read.

Moodle pages by offset: when somebody leaves from the front between two pages, the next page skips somebody. So an
offset is only a guess here. The list of ids alone is small and comes in one answer; it says who has to be read, and
each page is held against it. Whoever is missing is looked for again where the newest list of ids puts them. At the
end the list of ids is read once more, and only if it holds nobody unread the course is proven complete.
A course whose people fit into one page needs none of that: one answer is the whole list at one moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from edurelay_connector_runner.connectors.moodle.client import MoodleClient, Row, number
from edurelay_connector_runner.connectors.moodle.ordered import chunks

FUNCTION = "core_enrol_get_enrolled_users"
#: How often somebody is looked for who should be there, each time in a wider window.
ROUNDS = 5
_OVERLAP = 8


class Roster:
    """The people of a course in the order of their ids. `proven` turns False where somebody could not be found."""

    def __init__(self, client: MoodleClient, course: int, fields: Sequence[str], page_size: int) -> None:
        self._client = client
        self._course = course
        self._fields = ",".join(fields)
        self._page_size = page_size
        self.proven = True

    async def first(self) -> list[Row]:
        """Return the first page, to be handed to `pages`."""
        return await self._page(0, self._page_size)

    async def pages(self, first: list[Row] | None = None, *, after: int = 0) -> AsyncGenerator[list[Row], None]:
        """Yield everybody whose id is above `after`, in pages, in the order of ids."""
        known: dict[int, Row] = {}
        if after == 0:
            rows = await self.first() if first is None else first
            known = {number(FUNCTION, row): row for row in rows}
            if len(rows) < self._page_size:
                yield [known[user] for user in sorted(known)]
                return
        ids = await self._ids()
        read = {user for user in ids if user <= after}
        for _ in range(ROUNDS):
            unread = [user for user in ids if user not in read]
            if not unread:
                return
            for part in chunks(unread, self._page_size):
                rows = await self._people(part, ids, known)
                known = {}
                read.update(part)
                yield rows
            ids = await self._ids()
        self.proven = self.proven and read.issuperset(ids)

    async def everybody(self) -> AsyncGenerator[Row, None]:
        """Yield everybody."""
        async with aclosing(self.pages()) as pages:
            async for rows in pages:
                for row in rows:
                    yield row

    async def inactive(self) -> set[int]:
        """Return the ids of those whose place does not count now: suspended, ended or not begun."""
        return set(await self._ids(onlysuspended="1"))

    async def find(self, users: Sequence[int]) -> list[Row]:
        """Return those of the people with these ids who are in the course."""
        ids = await self._ids()
        wanted = sorted(set(users).intersection(ids))
        return [row for user in wanted for row in await self._people([user], ids, {})]

    async def _people(self, wanted: Sequence[int], ids: list[int], known: dict[int, Row]) -> list[Row]:
        """Return the rows of these people, leaving out who has left the course meanwhile."""
        asked = set(wanted)
        found = {user: known[user] for user in wanted if user in known}
        missing = [user for user in wanted if user not in found]
        overlap = failures = 0
        while missing and failures < ROUNDS:
            sought = missing[0]
            start = max(0, bisect_left(ids, sought) - overlap)
            rows = await self._page(start, min(len(missing), self._page_size) + 2 * overlap)
            found.update((user, row) for row in rows if (user := number(FUNCTION, row)) in asked)
            missing = [user for user in missing if user not in found]
            if sought not in found:
                failures += 1
                overlap = overlap * 4 or _OVERLAP
                ids = await self._ids()
                missing = sorted(set(missing).intersection(ids))
        self.proven = self.proven and not missing
        return [found[user] for user in wanted if user in found]

    async def _page(self, start: int, length: int) -> list[Row]:
        return await self._ask(userfields=self._fields, limitfrom=str(start), limitnumber=str(length))

    async def _ids(self, **options: str) -> list[int]:
        return sorted(number(FUNCTION, row) for row in await self._ask(userfields="id", **options))

    async def _ask(self, **options: str) -> list[Row]:
        """Ask for a list. Moodle ignores option names that it does not know, and then returns everybody."""
        named = [{"name": name, "value": value} for name, value in {**options, "sortby": "id"}.items()]
        return await self._client.rows(FUNCTION, courseid=self._course, options=named)
