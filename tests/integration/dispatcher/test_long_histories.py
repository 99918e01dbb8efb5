"""A delivery ends however often it was made again: its attempts are counted as they were made, not as they are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from e2e.receivers import receiving
from edurelay.events.envelope import unix_timestamp
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.recorder import HISTORY
from integration.dispatcher.looking_back import archive
from integration.dispatcher.world import ENDPOINT, Dispatcher, Log, Terms, dispatcher

TERMS = Terms((0.0, 0.02, 0.02))


def history(*numbers: int) -> list[dict[str, Any]]:
    """Return attempts with these numbers, all of them in vain."""
    return [{"n": number, "at": unix_timestamp(0), "ms": 1.0, "status": 500} for number in numbers]


async def dead(working: Dispatcher, beyond: int) -> Document:
    """Return the one delivery when it is a dead letter after more than so many attempts."""
    async with asyncio.timeout(20):
        while True:
            [found] = await working.store.deliveries.find({"endpoint": ENDPOINT}).to_list(None)
            if found["status"] == DeliveryStatus.DEAD_LETTERED and found["attempts"][-1]["n"] > beyond:
                return dict(found)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("made", [HISTORY - 1, HISTORY, HISTORY + 20])
async def test_a_delivery_that_is_made_again_has_its_schedule_before_it_and_no_more(
    made: int, mongo_uri: str, database_name: str, producer: Producer
) -> None:
    kept = history(*range(1, made + 1))[-HISTORY:]
    async with receiving(500) as receiver, archive(mongo_uri, database_name) as stored:
        await stored.put(DeliveryStatus.DEAD_LETTERED, 1, endpoint=ENDPOINT, fields={"attempts": kept})
        async with dispatcher(mongo_uri, database_name, producer, receiver.url, Log.of(), TERMS) as working:
            [delivery] = await working.store.deliveries.find({"endpoint": ENDPOINT}).to_list(None)
            assert await working.repository.redeliver(delivery, None)
            ended = await dead(working, made)
    assert [each["n"] for each in ended["attempts"]] == [*range(1, made + 4)][-HISTORY:]
    assert len(receiver.requests) == 3


async def test_one_whose_attempts_were_counted_by_the_length_of_its_history_ends_too(
    mongo_uri: str, database_name: str, producer: Producer
) -> None:
    numbers = (*range(4, HISTORY + 1), *[HISTORY + 1] * 3)
    fields = {"attempts": history(*numbers), "forgiven": HISTORY}
    async with receiving(500) as receiver, archive(mongo_uri, database_name) as stored:
        await stored.put(DeliveryStatus.PENDING, 1, endpoint=ENDPOINT, fields=fields)
        async with dispatcher(mongo_uri, database_name, producer, receiver.url, Log.of(), TERMS) as working:
            await dead(working, HISTORY + 1)
    assert 1 <= len(receiver.requests) <= 3
