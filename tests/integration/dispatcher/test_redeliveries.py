"""Many deliveries are made once more in steps; whatever dies in between, none is made twice and all are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay.mongo.leases import Leases
from edurelay_webhook_dispatcher import jobs, store
from edurelay_webhook_dispatcher import redeliveries as redeliveries_module
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.redeliveries import Redeliveries
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries
from integration.cut import Line
from integration.dispatcher.looking_back import START, TENANT, Archive, archive

DEAD, DELIVERED = DeliveryStatus.DEAD_LETTERED, DeliveryStatus.DELIVERED


class InTheLog:
    """Has every event with an even offset."""

    async def payload(self, delivery: Document) -> Payload | None:
        position = DeliveryKey.from_stored(delivery["_id"]).position
        assert position is not None
        return Payload(f"{position[1]}".encode()) if position[1] % 2 == 0 else None


def made(kept: Archive) -> Redeliveries:
    leases = Leases(kept.database[store.LEASES])
    return Redeliveries(kept.database[store.REDELIVERIES], kept.kept, leases, InTheLog(), lambda: None)


@asynccontextmanager
async def redelivering(kept: Archive) -> AsyncIterator[Redeliveries]:
    """Let redeliveries be worked off for as long as the context lasts."""
    redeliveries = made(kept)
    task = asyncio.create_task(redeliveries.run())
    try:
        yield redeliveries
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def the_one(kept: Archive) -> Document:
    """Return the one redelivery."""
    found: Document = (await kept.database[store.REDELIVERIES].find({}).to_list(None))[0]
    return found


async def done(kept: Archive) -> Document:
    """Return the one redelivery when it has ended."""
    async with asyncio.timeout(60):
        while "open" in (found := await the_one(kept)):
            await asyncio.sleep(0.02)
    return found


async def test_what_is_chosen_is_due_again_and_nothing_else(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept, redelivering(kept) as redeliveries:
        chosen = [await kept.put(DEAD, number) for number in range(5, 8)]
        for number, endpoint, type_ in ((1, "ep", "a.b"), (6, "other", "a.b"), (10, "ep", "c")):
            await kept.put(DEAD, number, endpoint=endpoint, fields={"type": type_})
        await kept.put(DELIVERED, 9)
        wanted = WantedDeliveries(Wanted(("a.*",), None, START + 5, START + 11), "ep", DEAD.value)
        told = await redeliveries.ask(TENANT, wanted)
        assert ("open" not in told, told["redelivered"], told["skipped"]) == (True, 3, 0)
        pending = await kept.kept.deliveries.find({"status": "pending"}).to_list(None)
        assert sorted(each["_id"] for each in pending) == sorted(each["_id"] for each in chosen)
        assert {each["body"] for each in pending} == {b"{}"}
        due = (await kept.kept.backlog.head("ep", 100)).entries
        assert sorted(each["_id"] for each in due) == sorted(each["_id"] for each in chosen)
        assert await redeliveries.get(TENANT, "ep", told["_id"]) is not None
        assert await redeliveries.get("south", "ep", told["_id"]) is None
        assert await redeliveries.get(TENANT, "other", told["_id"]) is None


async def test_what_arrived_comes_again_as_the_log_has_it_and_is_skipped_where_it_has_not(
    mongo_uri: str, database_name: str
) -> None:
    async with archive(mongo_uri, database_name) as kept, redelivering(kept) as redeliveries:
        for number in range(5):
            await kept.put(DELIVERED, number)
        told = await redeliveries.ask(TENANT, WantedDeliveries(Wanted(), "ep", DELIVERED.value))
        assert (told["redelivered"], told["skipped"]) == (3, 2)
        bodies = [each["body"] async for each in kept.kept.deliveries.find({"status": "pending"}).sort("_id", 1)]
        assert bodies == [b"0", b"2", b"4"]


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before it is done", "after it is done"])
async def test_one_that_is_cut_at_any_write_is_brought_to_its_end_by_another(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch, answer_lost: bool
) -> None:
    monkeypatch.setattr(redeliveries_module, "STEP", 3)
    monkeypatch.setattr(redeliveries_module, "WAIT", 0.0)
    monkeypatch.setattr(jobs, "POLL", 0.05)
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0.3)
    reached = 0
    for write in range(1 + answer_lost, 21, 2):
        status = (DEAD, DELIVERED)[write // 2 % 2]
        async with archive(mongo_uri, f"{database_name}_{write}") as kept:
            for number in range(0, 10, 2):
                await kept.put(status, number)
            await made(kept).ask(TENANT, WantedDeliveries(Wanted(), "ep", status.value))
            async with AsyncExitStack() as stack:
                line = stack.enter_context(Line(mongo_uri, write, answer_lost=answer_lost))
                mortal = await stack.enter_async_context(archive(line.uri, f"{database_name}_{write}"))
                async with redelivering(mortal), asyncio.timeout(60):
                    while not line.broken and "open" in await the_one(kept):
                        await asyncio.sleep(0.01)
                    reached += line.broken
                    line.mend()
            # What was made due meanwhile arrives, so that it would be taken once more by whoever has forgotten it.
            arrived = {"$set": {"status": "delivered"}, "$inc": {"arrivals": 1}}
            await kept.kept.deliveries.update_many({"status": "pending"}, arrived)
            async with redelivering(kept):
                told = await done(kept)
            assert (told["redelivered"], told["skipped"]) == (5, 0), write
            await kept.kept.deliveries.update_many({"status": "pending"}, arrived)
            assert [each["arrivals"] async for each in kept.kept.deliveries.find({})] == [1] * 5, write
    assert reached >= 6, "a redelivery writes too seldom for this test to say anything"
