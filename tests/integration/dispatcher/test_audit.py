"""A match that never became a delivery is found, and nothing else is."""

from __future__ import annotations

import time

import pytest

from edurelay.events.ids import new_id
from edurelay.mongo import Database
from edurelay.runtime import metrics
from edurelay_webhook_dispatcher import audit, store
from edurelay_webhook_dispatcher.audit import Audit
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin

LONG_AGO = 1_700_000_000_000


def entry(number: int, moment: int = LONG_AGO) -> Entry:
    """An event that two endpoints wanted."""
    key = f"evt_{moment:012x}{number:020x}"
    return Entry("north", key, "x.y", None, "2026-01-15T10:30:00.000Z", "/here", 0, number, moment, ("a", "b"))


def deliveries(events: list[Entry]) -> list[dict[str, str]]:
    """What is kept of their deliveries, as far as it matters here."""
    return [
        {"_id": DeliveryKey(each.tenant, to, each.moment, event_origin(*each.position)).stored}
        for each in events
        for to in each.to
    ]


def shown() -> float:
    """Return what the metric shows."""
    (line,) = [each for each in metrics.render().decode().splitlines() if each.startswith("edurelay_delivery_ledger_d")]
    return float(line.split()[-1])


async def test_a_match_without_a_delivery_is_counted_until_it_has_one(
    mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BLOCKS", 2)
    async with await Database.connect(mongo_uri, new_id("test"), collections=store.ALL) as database:
        kept = store.Store.of(database)
        events = [entry(number) for number in range(10)]
        fresh = entry(99, int(time.time() * 1000))
        for event in [*events, fresh]:
            await kept.events.add([event])  # a block each
        documents = deliveries(events)
        await database[store.DELIVERIES].insert_many(documents[:7] + documents[8:])
        books, settled = Audit(kept, keep_seconds=10 * 365 * 86_400), time.time() - 60
        found = []
        for _ in range(12):
            await books.check(settled)
            found.append(shown())
        # Two blocks at a time, the second look meets the gap; it stays shown through the rounds that follow.
        assert found[0] == 0
        assert found[1:] == [1] * 11
        await database[store.DELIVERIES].insert_many(documents[7:8])
        for _ in range(12):
            await books.check(settled)
        assert shown() == 0
