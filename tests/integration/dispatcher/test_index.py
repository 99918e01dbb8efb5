"""The index of events against a plain list, whatever order and whatever blocks the events came in."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay.events.ids import new_id
from edurelay.mongo import Database
from edurelay_webhook_dispatcher.index import SPAN_MS, Entry, EventIndex
from edurelay_webhook_dispatcher.store import EVENTS, GIVEN_IDS

TENANTS = ("north", "north2")
START = 1_800_000_000_000

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
            for type_, subject in ((None, None), ("x.y", None), ("x.z", "s")):
                expected = [e for e in own if type_ in (None, e.type) and subject in (None, e.subject)]
                assert await pages(index, tenant, type_, subject, limit) == expected
            ids = [e.id for e in own]
            assert await index.find(tenant, [*ids, "chosen/99", f"evt_{START:012x}{99:020x}"]) == {e.id: e for e in own}
            for e in own:
                assert await index.find(tenant, [e.id]) == {e.id: e}


async def pages(index: EventIndex, tenant: str, type_: str | None, subject: str | None, limit: int) -> list[Entry]:
    found: list[Entry] = []
    before = None
    while True:
        page = await index.page(tenant, type_=type_, subject=subject, before=before, limit=limit)
        found += page
        if len(page) < limit:
            return found
        before = page[-1].key


async def test_a_cursor_of_somebody_elses_making_shows_nothing_of_another_tenant(mongo_uri: str) -> None:
    async with await Database.connect(mongo_uri, new_id("test"), collections=[EVENTS, GIVEN_IDS]) as database:
        index = EventIndex(database[EVENTS], database[GIVEN_IDS])
        await index.add([entry(tenant, 1, START, False, "x.y", None) for tenant in TENANTS])
        for before in ("", "~", "evt_", "0", "north2/", "../north2/evt_f", "evt_" + "f" * 32):
            found = await index.page("north", type_=None, subject=None, before=before, limit=5)
            assert {each.tenant for each in found} <= {"north"}
