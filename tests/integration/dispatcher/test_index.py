"""The index of events against a plain list, whatever order and whatever blocks the events came in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay.events.ids import new_id
from edurelay.mongo import Collection, Database, Document
from edurelay_webhook_dispatcher.index import NEAR_MS, SPAN_MS, Entry, EventIndex
from edurelay_webhook_dispatcher.store import EVENTS, GIVEN_IDS
from edurelay_webhook_dispatcher.wanted import Wanted

TENANTS = ("north", "north2")
START = 1_800_000_000_000

WANTED = (
    Wanted(),
    Wanted(types=("x.y",)),
    Wanted(types=("x.*",), subject="s"),
    Wanted(types=("*.z",), since=START + 1),
    Wanted(since=START + 1, until=START + SPAN_MS),
    Wanted(until=START + SPAN_MS),
)

#: Together, apart by about the span of a block, and far apart.
moments = st.sampled_from([0, 1, 1000, SPAN_MS - 1, SPAN_MS, SPAN_MS + 1, 5 * SPAN_MS]).map(lambda after: START + after)


def entry(tenant: str, number: int, moment: int, given: bool, kind: str, subject: str | None) -> Entry:
    event_id = f"chosen/{number}" if given else f"evt_{moment:012x}{number:020x}"
    return Entry(
        tenant, event_id, kind, subject, "2026-01-15T10:30:00.000Z", "/here", number % 6, number, moment, ("a", "b")
    )


entries = st.builds(
    entry,
    st.sampled_from(TENANTS),
    st.integers(0, 30),
    moments,
    st.booleans(),
    st.sampled_from(["x.y", "x.z"]),
    st.sampled_from([None, "s"]),
)
batches = st.lists(st.lists(entries, max_size=12), max_size=8)


def without_repetition(written: Sequence[Sequence[Entry]]) -> list[list[Entry]]:
    """An event is written once, and again with the same content only; an id is chosen for one event only."""
    known: dict[tuple[str, str], Entry] = {}
    return [[known.setdefault((each.tenant, each.id), each) for each in batch] for batch in written]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=batches.map(without_repetition), limit=st.integers(1, 7))
async def test_pages_and_look_ups_are_those_of_a_plain_list(
    mongo_uri: str, written: list[list[Entry]], limit: int
) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        for batch in written:
            await index.add(batch)
        everything = {(each.tenant, each.id): each for batch in written for each in batch}
        for tenant in TENANTS:
            own = sorted((e for e in everything.values() if e.tenant == tenant), key=lambda e: e.key, reverse=True)
            for wanted in WANTED:
                expected = [e for e in own if wanted.takes(e.type, e.subject, e.moment)]
                assert await pages(index, tenant, wanted, limit) == expected
            ids = [e.id for e in own]
            assert await index.find(tenant, [*ids, "chosen/99", f"evt_{START:012x}{99:020x}"]) == {e.id: e for e in own}
            for e in own:
                assert await index.find(tenant, [e.id]) == {e.id: e}


async def pages(index: EventIndex, tenant: str, wanted: Wanted, limit: int) -> list[Entry]:
    """Return everything, by pages that look at so few entries that some of them are empty."""
    found: list[Entry] = []
    before = None
    while True:
        page, before = await index.page(tenant, wanted, before=before, limit=limit, examined=5)
        assert len(page) <= limit
        found += page
        if before is None:
            return found


async def test_old_blocks_are_forgotten_with_the_ids_that_led_to_them(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        old = [entry(tenant, n, START + n, n % 2 == 0, "x.y", None) for n in range(4) for tenant in TENANTS]
        young = [entry(tenant, 9, START + 100_000, True, "x.y", None) for tenant in TENANTS]
        for each in (*old, *young):
            await index.add([each])
        assert [await index.tenant_behind(name) for name in (None, *TENANTS)] == [*TENANTS, None]
        assert [await index.forget("north", START + 90_000, limit=3) for _ in range(3)] == [3, 1, 0]
        assert await pages(index, "north", Wanted(), 100) == [young[0]]
        assert await index.find("north", [each.id for each in old]) == {}
        assert len(await pages(index, "north2", Wanted(), 100)) == 5
        assert await database[GIVEN_IDS].count_documents({}) == 1 + 3


async def test_a_cursor_of_somebody_elses_making_shows_nothing_of_another_tenant(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        await index.add([entry(tenant, 1, START, False, "x.y", None) for tenant in TENANTS])
        for before in ("", "~", "evt_", "0", "north2/", "../north2/evt_f", "evt_" + "f" * 32):
            found, _ = await index.page("north", Wanted(), before=before, limit=5)
            assert {each.tenant for each in found} <= {"north"}


class Counted:
    """A collection of which it is counted how many documents a look brings."""

    def __init__(self, documents: Collection) -> None:
        self._documents = documents
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    async def find(self, query: Document) -> AsyncIterator[Document]:
        async for each in self._documents.find(query):
            self.read += 1
            yield each


@pytest.mark.parametrize("chosen", [False, True], ids=["our own ids", "ids that a publisher chose"])
async def test_a_look_up_reads_the_blocks_of_what_it_finds_and_nothing_between_them(
    mongo_uri: str, chosen: bool
) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        blocks: Any = Counted(database[EVENTS])
        index = EventIndex(blocks, database[GIVEN_IDS])
        written = [
            entry("north", number, START + block * 2 * SPAN_MS + number % 2, chosen, "x.y", None)
            for block in range(30)
            for number in (2 * block, 2 * block + 1)
        ]
        await index.add(written)
        few = [written[0], written[1], written[31], written[-1]]
        assert await index.find("north", [each.id for each in few]) == {each.id: each for each in few}
        assert blocks.read == 3


async def test_ids_that_span_all_of_time_read_nothing(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        blocks: Any = Counted(database[EVENTS])
        index = EventIndex(blocks, database[GIVEN_IDS])
        await index.add([entry("north", n, START + n * 2 * SPAN_MS, False, "x.y", None) for n in range(10)])
        assert await index.find("north", ["evt_" + "0" * 32, "evt_" + "f" * 32]) == {}
        assert blocks.read == 0


async def test_what_was_published_in_a_row_is_found_together(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        row = [entry("north", n, START + n * NEAR_MS, False, "x.y", None) for n in range(20)]
        for each in row:
            await index.add([each])
        assert await index.find("north", [each.id for each in row]) == {each.id: each for each in row}


async def test_chosen_ids_that_name_no_block_yet_are_found(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        written = [entry("north", n, START + n * 2 * SPAN_MS, True, "x.y", None) for n in range(4)]
        await index.add(written)
        await database[GIVEN_IDS].update_many({"_id": {"$lt": "north/chosen/2"}}, {"$unset": {"block": ""}})
        assert await index.find("north", [each.id for each in written]) == {each.id: each for each in written}
