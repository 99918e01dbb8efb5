"""One event may be gone through for a hundred endpoints of a tenant; others have their turn in between."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from e2e.receivers import receiving
from edurelay.events.ids import new_id
from edurelay.events.projection import projected
from edurelay.kafka.producer import Producer
from edurelay_webhook_dispatcher import payload
from integration.dispatcher.world import Log, Terms, dispatcher, subscription

ENDPOINTS = 20


class Turns:
    """Counts the turns of the event loop, and notes in which of them data was gone through."""

    def __init__(self) -> None:
        self.present = 0
        self.taken: list[int] = []

    async def count(self) -> None:
        """Count, until cancelled."""
        while True:
            self.present += 1
            await asyncio.sleep(0)

    def projected(self, data: Any, paths: Any) -> dict[str, Any]:
        """As `projected`."""
        self.taken.append(self.present)
        return projected(data, paths)


async def test_endpoints_with_allow_lists_of_their_own_do_not_hold_up_what_is_under_way(
    mongo_uri: str, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, terms, log = Turns(), Terms(schedule=(0.0,)), Log.of()
    monkeypatch.setattr(payload, "projected", turns.projected)
    async with (
        receiving() as receiver,
        dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, terms) as working,
    ):
        for number in range(ENDPOINTS):
            own, fields = f"own{number}", ["n", f"x{number}"]
            working.endpoints.on_change(own, subscription(receiver.url, terms, id=own, fields=fields))
        counting = asyncio.create_task(turns.count())
        log.append(Log.of("a.b").messages[0])
        await receiver.until(ENDPOINTS + 1)
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting
    assert len(turns.taken) == len(set(turns.taken)) == ENDPOINTS
