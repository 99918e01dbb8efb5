"""What is too old is deleted, what is pending stays, and the ledger adds up at every moment, whatever dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import StoreUnavailable
from edurelay.mongo.leases import Lease, Leases
from edurelay_webhook_dispatcher import retention as retention_module
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.ledgers import FORGOTTEN_BY
from edurelay_webhook_dispatcher.retention import Retention
from edurelay_webhook_dispatcher.wanted import WantedDeliveries
from integration.cut import Line
from integration.dispatcher.looking_back import START, TENANT, Archive, archive

PENDING, DELIVERED, DEAD = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.DEAD_LETTERED
LONG_AGO = START / 1000


def everything_exists(_endpoint_id: str) -> bool:
    return True


def retention(
    kept: Archive, days: float = 30.0, exists: Callable[[str], bool] = everything_exists
) -> tuple[Retention, Leases]:
    leases = Leases(kept.database[store.LEASES])
    sweeping = Retention(kept.kept, leases, deliveries_days=days, events_days=days, pause=3600.0, exists=exists)
    return sweeping, leases


async def sweep(kept: Archive, days: float = 30.0, exists: Callable[[str], bool] = everything_exists) -> dict[str, int]:
    """Sweep as one dispatcher would, whoever died before it."""
    sweeping, leases = retention(kept, days, exists)
    await kept.database[store.LEASES].delete_many({})
    lease = await leases.acquire("retention", "test", 60.0)
    assert lease is not None
    return await sweeping.sweep(lease)


async def furnish(kept: Archive) -> None:
    """Write old and young deliveries to two endpoints, ten each."""
    for endpoint in ("ep", "other"):
        for number in range(3):
            await kept.put(DELIVERED, number, endpoint=endpoint, updated=LONG_AGO)
        for number in range(3, 5):
            await kept.put(DEAD, number, endpoint=endpoint, updated=LONG_AGO)
        for number in range(5, 7):
            await kept.put(PENDING, number, endpoint=endpoint, updated=LONG_AGO)
        for number in range(7, 10):
            await kept.put(DELIVERED, number, endpoint=endpoint)


LEDGER = {"matched": 10, "delivered": 6, "pending": 2, "dead_lettered": 2}


async def test_what_is_old_goes_and_counts_on(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        await furnish(kept)
        assert await kept.of().ledger("ep") == LEDGER
        assert (await sweep(kept))["deliveries"] == 10
        for endpoint in ("ep", "other"):
            assert await kept.of().ledger(endpoint) == LEDGER
            left, _ = await kept.of().deliveries(WantedDeliveries(endpoint=endpoint), before=None, limit=100)
            assert sorted(each["status"] for each in left) == ["delivered"] * 3 + ["pending"] * 2
        assert await kept.kept.backlog.count(DEAD) == 0
        assert await kept.kept.backlog.count(PENDING) == 4
        assert (await sweep(kept))["deliveries"] == 0
        assert await kept.of().ledger("ep") == LEDGER


async def test_what_others_wait_for_stays(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        parked = await kept.put(DEAD, 1, updated=LONG_AGO, fields={"parked": True})
        await kept.put(DEAD, 2, updated=LONG_AGO)
        assert (await sweep(kept))["deliveries"] == 1
        assert (await kept.kept.known([parked["_id"]])) == {parked["_id"]}


async def test_many_go_in_bounded_steps(mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "STEP", 3)
    async with archive(mongo_uri, database_name) as kept:
        await furnish(kept)
        assert (await sweep(kept))["deliveries"] == 10
        assert await kept.of().ledger("other") == LEDGER


async def test_it_is_done_from_time_to_time_by_whoever_is_there(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        await furnish(kept)
        leases = Leases(kept.database[store.LEASES])
        several = [Retention(kept.kept, leases, deliveries_days=30, events_days=30, pause=0.1) for _ in range(2)]
        tasks = [asyncio.create_task(each.run()) for each in several]
        try:
            async with asyncio.timeout(60):
                while await kept.kept.deliveries.count_documents({}) > 10:
                    await asyncio.sleep(0.02)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await kept.of().ledger("ep") == LEDGER


async def test_who_loses_the_lease_stops(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        await furnish(kept)
        sweeping, _ = retention(kept)
        assert (await sweeping.sweep(Lease("retention", "nobody", 7)))["deliveries"] == 0
        assert await kept.kept.deliveries.count_documents({}) == 20


async def test_old_events_are_not_found_any_more(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        now = time.time_ns() // 1_000_000
        events = {
            moment: Entry(tenant, f"evt_{moment:012x}{0:020x}", "a.b", None, "t", "/", 0, 1, moment, ())
            for tenant, moment in ((TENANT, START), ("south", START + 1), (TENANT, now), ("south", now + 1))
        }
        for event in events.values():
            await kept.kept.events.add([event])
        assert (await sweep(kept))["blocks_of_events"] == 2
        found = [await kept.of(each.tenant).event(each.id) for each in events.values()]
        assert [each is not None for each in found] == [False, False, True, True]


async def test_what_is_being_deleted_is_not_delivered_again(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        document = await kept.put(DEAD, 1)
        marked = await kept.put(DEAD, 2, fields={FORGOTTEN_BY: "a-step"})
        assert await kept.of().redeliver(document, None)
        assert not await kept.of().redeliver(marked, None)
        found = await kept.of().delivery(DeliveryKey.from_stored(marked["_id"]))
        assert found is not None
        assert found["status"] == DEAD.value
        assert await kept.kept.backlog.count(PENDING) == 1


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before it is done", "after it is done"])
async def test_a_sweep_that_is_cut_at_any_write_counts_nothing_twice_and_loses_nothing(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch, answer_lost: bool
) -> None:
    monkeypatch.setattr(retention_module, "STEP", 3)
    reached = 0
    for write in range(3 + answer_lost, 23, 2):
        async with archive(mongo_uri, f"{database_name}_{write}") as kept:
            await furnish(kept)
            with Line(mongo_uri, write, answer_lost=answer_lost) as line:
                async with archive(line.uri, f"{database_name}_{write}") as mortal:
                    sweeping = asyncio.create_task(sweep(mortal))
                    async with asyncio.timeout(60):
                        while not line.broken and not sweeping.done():
                            assert await kept.of().ledger("ep") == LEDGER, write
                    reached += line.broken
                    line.mend()
                    sweeping.cancel()
                    with suppress(asyncio.CancelledError, *StoreUnavailable):
                        await sweeping
            for endpoint in ("ep", "other"):
                assert await kept.of().ledger(endpoint) == LEDGER, write
            await sweep(kept)
            for endpoint in ("ep", "other"):
                assert await kept.of().ledger(endpoint) == LEDGER, write
            assert await kept.kept.deliveries.count_documents({}) == 10, write
            assert await kept.kept.backlog.count(DEAD) == 0, write
    assert reached >= 7, "a sweep writes too seldom for this test to say anything"


async def test_two_that_sweep_at_once_count_nothing_twice(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        for number in range(40):
            await kept.put((DELIVERED, DEAD)[number % 2], number, updated=LONG_AGO)
        names = [each["_id"] async for each in kept.kept.deliveries.find({}, {"_id": 1})]
        whole = {"matched": 40, "delivered": 20, "pending": 0, "dead_lettered": 20}

        async def forget(first: int) -> None:
            for start in range(first, 40, 5):
                await kept.kept.ledgers.forget(TENANT, "ep", names[start : start + 10], time.time())

        forgetting = [asyncio.create_task(forget(first)) for first in (0, 3, 0, 7)]
        while not all(task.done() for task in forgetting):
            assert await kept.of().ledger("ep") == whole
        await asyncio.gather(*forgetting)
        await kept.kept.ledgers.forget(TENANT, "ep", names, time.time())
        await kept.kept.ledgers.forget(TENANT, "ep", names, time.time())
        assert await kept.kept.deliveries.count_documents({}) == 0
        assert await kept.of().ledger("ep") == whole


async def stream(kept: Archive, endpoint: str, count: int) -> None:
    """Write a stream, in blocks of one event."""
    streams = kept.kept.streams
    await streams.open([(TENANT, endpoint)])
    for number in range(count):
        streams.number(DeliveryKey(TENANT, endpoint, START + number, f"0.{number}"), f"evt_{number}")
        await streams.write()


async def test_old_parts_of_streams_go_and_their_ends_stay(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "BLOCKS", 2)
    async with archive(mongo_uri, database_name) as kept:
        for endpoint in ("ep", "other"):
            await stream(kept, endpoint, 7)
        blocks = kept.database[store.STREAMS]
        old = {"stream": f"{TENANT}/ep", "first": {"$lte": 5}}
        await blocks.update_many(old, {"$set": {"at": LONG_AGO}})
        assert (await sweep(kept))["blocks_of_streams"] == 5
        assert [ticket.number for ticket in await kept.kept.streams.read(TENANT, "ep", 5, 10)] == [6, 7]
        assert len(await kept.kept.streams.read(TENANT, "other", 0, 10)) == 7
        await blocks.update_many({}, {"$set": {"at": LONG_AGO}})
        assert (await sweep(kept))["blocks_of_streams"] == 9
    async with archive(mongo_uri, database_name) as later:
        assert await later.kept.streams.end(TENANT, "ep") == 7
        await stream(later, "ep", 1)
        assert [ticket.number for ticket in await later.kept.streams.read(TENANT, "ep", 7, 10)] == [8]


async def test_what_was_written_in_the_last_minutes_stays_whatever_the_setting(
    mongo_uri: str, database_name: str
) -> None:
    async with archive(mongo_uri, database_name) as kept:
        await stream(kept, "ep", 3)
        await kept.database[store.STREAMS].update_many({}, {"$set": {"at": time.time() - 600}})
        assert (await sweep(kept, days=0.0001))["blocks_of_streams"] == 0


async def test_the_stream_of_a_deleted_endpoint_goes_whole_after_a_day(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "BLOCKS", 2)
    async with archive(mongo_uri, database_name) as kept:
        for endpoint in ("ep", "other"):
            await stream(kept, endpoint, 5)
            await kept.kept.positions.commit(f"{TENANT}/{endpoint}", 3)
        assert (await sweep(kept, exists="other".__eq__))["blocks_of_streams"] == 0
        # It is seen again meanwhile, as by somebody who had not heard of it: it begins anew.
        await kept.kept.positions.missing_since(f"{TENANT}/ep", 0.0)
        assert (await sweep(kept))["blocks_of_streams"] == 0
        assert (await sweep(kept, exists="other".__eq__))["blocks_of_streams"] == 0
        await kept.kept.positions.missing_since(f"{TENANT}/ep", 0.0)
        assert (await sweep(kept, exists="other".__eq__))["blocks_of_streams"] == 5
        assert await kept.kept.positions.names() == [f"{TENANT}/other"]
        assert len(await kept.kept.streams.read(TENANT, "other", 0, 10)) == 5


async def test_nothing_is_looked_for_before_it_can_be_old(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        sweeping, _ = retention(kept)
        await sweeping.begin()
        await furnish(kept)
        assert await sweep(kept, days=30.0) == {"deliveries": 0, "blocks_of_events": 0, "blocks_of_streams": 0}
        assert (await sweep(kept, days=1e-9))["deliveries"] == 16


async def test_of_a_store_that_was_there_before_it_is_not_known_since_when(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        await furnish(kept)
        for _ in range(2):
            sweeping, _ = retention(kept)
            await sweeping.begin()
        assert (await sweep(kept, days=30.0))["deliveries"] == 10
