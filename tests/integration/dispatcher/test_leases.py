"""What a dispatcher has in hand stays its own, however long a receiver takes, however late the store hears of it."""

from __future__ import annotations

import asyncio

from e2e.receivers import receiving
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.mongo import Database
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.probes import trial_delivery
from edurelay_webhook_dispatcher.retrier import AGAIN
from integration.dispatcher.world import ENDPOINT, Dispatcher, Log, Terms, dispatcher


async def next_lease(working: Dispatcher, behind: float) -> float:
    """Return until when the one delivery is leased, once that is later than `behind`."""
    async with asyncio.timeout(60):
        while True:
            head = await working.store.backlog.head(ENDPOINT, 1)
            if head.entries and head.entries[0]["due_at"] > behind:
                assert head.entries[0]["claims"] == 0, "somebody has claimed it"
                return float(head.entries[0]["due_at"])
            await asyncio.sleep(0.05)


async def test_an_attempt_under_way_is_leased_anew_and_not_made_twice(mongo_uri: str, producer: Producer) -> None:
    # A lease that is over long before it is renewed, as after a stall.
    terms = Terms(schedule=(0.0,), lease=0.3, seconds=60.0)
    async with receiving() as receiver:
        receiver.open.clear()
        async with dispatcher(mongo_uri, new_id("test"), producer, receiver.url, Log.of("held"), terms) as working:
            first = await next_lease(working, 0.0)
            await next_lease(working, first)
            assert len(receiver.requests) == 1
            receiver.open.set()
            async with asyncio.timeout(60):
                while (await working.repository.ledger(ENDPOINT))["delivered"] == 0:
                    await asyncio.sleep(0.05)
            assert len(receiver.requests) == 1


async def test_what_a_dead_dispatcher_left_is_looked_for_when_the_group_shares_its_work_anew(
    mongo_uri: str, producer: Producer
) -> None:
    name = new_id("test")
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, name, producer, receiver.url, Log.of(), Terms(schedule=(0.0,))) as working,
        await Database.connect(mongo_uri, name, collections=store.ALL) as database,
    ):
        endpoint = working.endpoints.get(ENDPOINT)
        assert endpoint is not None
        other = store.Store.of(database)
        await other.add_pending([trial_delivery(endpoint)])
        working.retrier.look_again()
        await receiver.until(1)
        # The queue is empty as far as it is known, and would be looked at in a minute.
        await other.add_pending([trial_delivery(endpoint)])
        working.retrier.look_again()
        await receiver.until(2, AGAIN * 3 / 4)
