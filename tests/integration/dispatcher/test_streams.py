"""The stream of an endpoint has each number once and each delivery once, whoever writes it and whatever breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest

from edurelay.events.ids import new_id
from edurelay.mongo import Database, StoreUnavailable
from edurelay_webhook_dispatcher import store, streams
from edurelay_webhook_dispatcher.blocks import Ticket
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin
from edurelay_webhook_dispatcher.positions import Position, Positions
from edurelay_webhook_dispatcher.streams import EventsGone, Streams
from integration.cut import Line

TENANT, ENDPOINT = "north", "ep_1"


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[Database]:
    """A database of the test's own."""
    async with await Database.connect(mongo_uri, new_id("test"), collections=store.ALL) as database:
        yield database


async def opened(database: Database, *endpoints: str) -> Streams:
    """What a dispatcher has of the streams."""
    those = Streams(database[store.STREAMS], Positions(database[store.POSITIONS]))
    await those.open([(TENANT, endpoint) for endpoint in endpoints or (ENDPOINT,)])
    return those


def number(those: Streams, *offsets: int, endpoint: str = ENDPOINT) -> list[Ticket]:
    """Give out numbers to deliveries of events at these offsets."""
    keys = [DeliveryKey(TENANT, endpoint, 1_700_000_000_000, event_origin(0, offset)) for offset in offsets]
    return [those.number(key, f"evt_{key.origin}") for key in keys]


async def whole(those: Streams, endpoint: str = ENDPOINT) -> list[tuple[int, str]]:
    """Return a stream as its readers see it, page by page."""
    found: list[Ticket] = []
    while page := await those.read(TENANT, endpoint, found[-1].number if found else 0, 7):
        found += page
    return [(ticket.number, ticket.event_id) for ticket in found]


def numbered(tickets: Sequence[Ticket]) -> list[tuple[int, str]]:
    return [(ticket.number, ticket.event_id) for ticket in tickets]


async def test_numbers_go_on_without_a_gap_in_the_next_life(database: Database) -> None:
    first = await opened(database)
    tickets = number(first, *range(5))
    await first.write()
    tickets += number(first, *range(5, 8))
    await first.write()
    second = await opened(database)
    tickets += number(second, 8)
    await second.write()
    assert [ticket.number for ticket in tickets] == list(range(1, 10))
    assert await whole(second) == numbered(tickets)
    assert await second.read(TENANT, ENDPOINT, 9, 10) == []


async def test_the_end_of_a_long_stream_is_found_from_where_it_was_noted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "NOTED", 4)
    for blocks in (3, 4, 5, 9):
        those = await opened(database)
        for _ in range(blocks):
            number(those, 0, 1)
            await those.write()
    assert number(await opened(database), 7)[0].number == 43
    # Noted was the end behind every fourth block of a life.
    await database[store.STREAMS].delete_many({"stream": f"{TENANT}/{ENDPOINT}"})
    assert number(await opened(database), 7)[0].number == 41


async def test_a_stream_is_its_endpoints_own(database: Database) -> None:
    those = await opened(database, "ep_1", "ep_10")
    one, ten = number(those, 1, 2), number(those, 1, 2, endpoint="ep_10")
    await those.write()
    assert [ticket.number for ticket in (*one, *ten)] == [1, 2, 1, 2]
    assert await whole(those, "ep_1") == numbered(one)
    assert await those.read("north2", "ep_1", 0, 10) == []


async def test_a_long_stream_is_written_in_many_blocks_and_read_from_anywhere(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LARGEST", 10)
    those = await opened(database)
    tickets = number(those, *range(95))
    await those.write()
    assert await whole(those) == numbered(tickets)
    for after in (0, 1, 9, 10, 11, 89, 94):
        assert numbered(await those.read(TENANT, ENDPOINT, after, 12)) == numbered(tickets[after : after + 12])


async def test_dispatchers_that_give_out_the_same_numbers_end_with_different_ones(database: Database) -> None:
    north, south = await opened(database), await opened(database)
    ours, theirs = number(north, 0, 1), number(south, 10, 11, 12)
    assert theirs[0].number == ours[0].number
    await north.write()
    assert not north.contended(ours[0].key)
    await south.write()
    assert south.contended(theirs[0].key)
    assert [ticket.number for ticket in (*ours, *theirs)] == [1, 2, 3, 4, 5]
    assert await whole(north) == numbered([*ours, *theirs])


async def test_many_at_once_leave_one_stream(database: Database) -> None:
    those = [await opened(database) for _ in range(4)]
    given: list[Ticket] = []

    async def work(mine: Streams, which: int) -> None:
        for turn in range(12):
            given.extend(number(mine, 1000 * which + 10 * turn, 1000 * which + 10 * turn + 1))
            await mine.write()

    await asyncio.gather(*(work(each, which) for which, each in enumerate(those)))
    assert await whole(those[0]) == sorted(numbered(given))
    assert [ticket.number for ticket in sorted(given, key=lambda each: each.number)] == list(range(1, 97))


async def test_a_write_whose_answer_is_lost_is_found_to_be_ones_own(mongo_uri: str) -> None:
    name = new_id("test")
    async with await Database.connect(mongo_uri, name, collections=store.ALL) as database:
        with Line(mongo_uri, 1, answer_lost=True) as line:
            async with await Database.connect(line.uri, name, collections=store.ALL) as broken:
                those = await opened(broken)
                tickets = number(those, 0, 1, 2)
                with pytest.raises(StoreUnavailable):
                    await those.write()
                line.mend()
                tickets += number(those, 3)
                async with asyncio.timeout(30):
                    while True:
                        with suppress(*StoreUnavailable):
                            await those.write()
                            break
                assert not those.contended(tickets[0].key)
        assert await whole(await opened(database)) == [(n + 1, f"evt_0.{n}") for n in range(4)]


async def test_what_was_numbered_before_a_crash_keeps_its_number(database: Database) -> None:
    first = await opened(database)
    tickets = number(first, *range(5))
    await first.write()
    second = await opened(database)
    recalled = await second.recall([tickets[3].key, DeliveryKey(TENANT, ENDPOINT, 1, "0.99")])
    assert {stored: ticket.number for stored, ticket in recalled.items()} == {tickets[3].key.stored: 4}


async def test_a_reader_hears_of_what_is_written(database: Database) -> None:
    those = await opened(database)
    waiting = asyncio.create_task(those.until_grown(TENANT, ENDPOINT, 60))
    await asyncio.sleep(0)
    number(those, 0)
    await those.write()
    async with asyncio.timeout(30):
        await waiting


async def test_another_who_has_numbered_the_same_deliveries_is_found_when_a_write_is_refused(
    database: Database,
) -> None:
    paused, successor = await opened(database), await opened(database)
    late, taken_over = number(paused, 0, 1, 2), number(successor, 1, 0)
    await successor.write()
    await paused.write()
    assert [ticket.number for ticket in late] == [2, 1, 3]
    assert await whole(paused) == numbered([*taken_over, late[2]])


async def test_deliveries_are_found_in_the_stream_however_long_ago_they_were_numbered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECENT", 2)
    monkeypatch.setattr(streams, "LARGEST", 3)
    first = await opened(database)
    tickets = number(first, *range(20))
    await first.write()
    unwritten = number(first, 20)
    keys = [each.key for each in (tickets[0], tickets[19], *unwritten)]
    found = await first.numbered([*keys, DeliveryKey(TENANT, ENDPOINT, 1_700_000_000_000, "0.99")])
    assert {stored: each.number for stored, each in found.items()} == {
        key.stored: number for key, number in zip(keys, (1, 20, 21), strict=True)
    }


async def test_how_far_a_replay_is_in_a_stream_is_known_by_partition(database: Database) -> None:
    those = await opened(database)
    number(those, 1, 2)
    for origin in ("r1.0.7", "r1.0.8", "r1.3.2", "r2.0.9"):
        those.number(DeliveryKey(TENANT, ENDPOINT, 5, origin), "evt")
    await those.write()
    assert await those.replayed(TENANT, ENDPOINT, "r1", 0) == {0: 8, 3: 2}
    assert await those.replayed(TENANT, ENDPOINT, "r3", 0) == {}


async def aged(database: Database, until: int) -> None:
    """Let the blocks that begin up to a number be from long ago."""
    old = {"at": 1_000_000_000.0, "newest": 1_000_000_000_000}
    await database[store.STREAMS].update_many({"first": {"$lte": until}}, {"$set": old})


async def test_old_blocks_go_from_the_beginning_on_and_no_number_comes_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LARGEST", 5)
    those, name, now = await opened(database), f"{TENANT}/{ENDPOINT}", time.time()
    tickets = number(those, *range(20))
    await those.write()
    assert await those.forget(name, now - 60, limit=10) == 0
    await aged(database, 11)
    assert await those.forget(name, now - 60, limit=2) == 2
    assert await those.forget(name, now - 60, limit=2) == 1
    assert await those.forget(name, now - 60, limit=2) == 0
    with pytest.raises(EventsGone) as gone:
        await those.read(TENANT, ENDPOINT, 14, 5)
    assert gone.value.first == 16
    with pytest.raises(EventsGone) as long_gone:
        await those.check_there(TENANT, ENDPOINT, 0)
    assert long_gone.value.first == 16
    assert numbered(await those.read(TENANT, ENDPOINT, 15, 5)) == numbered(tickets[15:])

    await aged(database, 20)
    assert await those.forget(name, now - 60, limit=10) == 1
    assert await those.read(TENANT, ENDPOINT, 20, 5) == []
    await those.check_there(TENANT, ENDPOINT, 20)
    with pytest.raises(EventsGone) as all_gone:
        await those.check_there(TENANT, ENDPOINT, 19)
    assert all_gone.value.first == 21
    (next_one,) = number(await opened(database), 99)
    assert next_one.number == 21


async def test_a_block_that_could_not_be_deleted_yet_is_no_bridge_over_those_that_were(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LARGEST", 5)
    those = await opened(database)
    tickets = number(those, *range(15))
    await those.write()
    await database[store.STREAMS].delete_one({"first": 6})
    assert numbered(await those.read(TENANT, ENDPOINT, 2, 20)) == numbered(tickets[2:5])
    with pytest.raises(EventsGone) as gone:
        await those.read(TENANT, ENDPOINT, 5, 20)
    assert gone.value.first == 11


async def test_who_has_not_written_for_long_looks_where_the_stream_ends(database: Database) -> None:
    moment = [0.0]
    idle = Streams(database[store.STREAMS], Positions(database[store.POSITIONS]), lambda: moment[0])
    await idle.open([(TENANT, ENDPOINT)])
    busy, name = await opened(database), f"{TENANT}/{ENDPOINT}"
    number(busy, *range(5))
    await busy.write()
    await aged(database, 5)
    assert await busy.forget(name, time.time(), limit=10) == 1
    moment[0] += streams.STALE
    await idle.open([(TENANT, ENDPOINT)])
    assert number(idle, 9)[0].number == 6


async def test_a_commit_says_what_it_was_before_and_may_go_back(database: Database) -> None:
    positions = Positions(database[store.POSITIONS])
    assert [await positions.commit("t/ep", number) for number in (3, 7, 2)] == [0, 3, 7]
    await positions.note_end("t/ep", 9)
    await positions.note_end("t/ep", 4)
    assert await positions.of("t/ep") == Position(end=9, committed=2)
    before = await asyncio.gather(*(positions.commit("t/ep", number) for number in range(10, 18)))
    last = (await positions.of("t/ep")).committed
    assert sorted([*before, last]) == [2, *range(10, 18)]
