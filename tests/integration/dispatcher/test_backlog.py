"""A look at a queue reads a few hundred entries and finds those that are due first, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import monitoring

from edurelay.messages.deliveries import DeliveryStatus
from edurelay_webhook_dispatcher import backlog as module
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.store import BACKLOG
from integration.dispatcher.looking_back import TENANT, Archive, archive

MANY = 6_000
#: What a look may read, all in all: some marks of each rank, and the entries up to the last of them.
LITTLE = 1_000


class Filters(monitoring.CommandListener):
    """Takes down what is looked for."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.seen is not None and event.command_name == "find":
            self.seen.append(event.command["filter"])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    @contextmanager
    def taken(self) -> Iterator[list[dict[str, Any]]]:
        self.seen = []
        try:
            yield self.seen
        finally:
            self.seen = None


FILTERS = Filters()
monitoring.register(FILTERS)


def key(number: int, endpoint: str = "many") -> str:
    return DeliveryKey(TENANT, endpoint, 1_700_000_000_000 + number, f"0.{number}").stored


@pytest.fixture
async def kept(mongo_uri: str, database_name: str) -> AsyncIterator[Archive]:
    async with archive(mongo_uri, database_name) as kept:
        yield kept


async def fill(kept: Archive, count: int) -> None:
    for start in range(0, count, 1000):
        # What is due first is written last.
        await kept.kept.backlog.add({key(n): 2_000_000.0 - n for n in range(start, min(start + 1000, count))})


async def examined(kept: Archive, filters: list[dict[str, Any]]) -> int:
    """Return how many entries match the filters, all of which the embedded store reads."""
    return sum([await kept.database[BACKLOG].count_documents(each) for each in filters])


async def test_a_look_reads_a_few_hundred_entries_of_any_number(kept: Archive) -> None:
    await fill(kept, MANY)
    backlog = kept.kept.backlog
    with FILTERS.taken() as filters:
        head = await backlog.head("many", 100)
    assert [each["_id"] for each in head.entries] == [key(MANY - 1 - n) for n in range(100)]
    assert not head.whole
    assert 100 <= await examined(kept, filters) < LITTLE

    for entry in head.entries:
        assert await backlog.claim([entry], 3_000_000.0)
    await backlog.put_off({key(0): 5.0})
    await backlog.end([key(MANY - 101)], [key(MANY - 102)])
    head = await backlog.head("many", 3)
    assert [each["_id"] for each in head.entries] == [key(0), key(MANY - 103), key(MANY - 104)]
    assert await backlog.count(DeliveryStatus.DEAD_LETTERED) == 1
    assert await backlog.count(DeliveryStatus.PENDING) == pytest.approx(MANY, rel=0.2)


async def test_a_short_queue_is_read_whole_and_beside_a_long_one(kept: Archive) -> None:
    await fill(kept, 3_000)
    backlog = kept.kept.backlog
    await backlog.add({key(n, "few"): float(10 + n) for n in range(5)})
    head = await backlog.head("few", 10)
    assert [each["_id"] for each in head.entries] == [key(n, "few") for n in range(5)]
    assert head.whole
    with FILTERS.taken() as filters:
        assert (await backlog.head("few", 10)).whole
    assert len(filters) == 1, "that it is short is known"
    await backlog.add({key(n, "few"): 1.0 for n in range(5, 1_000)})
    with FILTERS.taken() as filters:
        assert not (await backlog.head("few", 10)).whole
    assert len(filters) > 1, "and that it has become long"
    assert await backlog.count(DeliveryStatus.PENDING) == pytest.approx(4_000, rel=0.2)
    assert sorted(await backlog.queues()) == ["few", "many"]


async def test_short_queues_are_read_together(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(kept, 3_000)
    backlog = kept.kept.backlog
    for name in ("one", "two", "three"):
        await backlog.add({key(n, name): float(10 - n) for n in range(3)})
    limits = {"two": 2, "many": 3, "one": 10, "none": 5}

    async def seen() -> dict[str, tuple[list[str], bool]]:
        heads = await backlog.heads(limits)
        return {name: ([each["_id"] for each in head.entries], head.whole) for name, head in heads.items()}

    with FILTERS.taken() as filters:
        found = await seen()
    assert found == {
        "one": ([key(n, "one") for n in (2, 1, 0)], True),
        "two": ([key(n, "two") for n in (2, 1)], False),
        "many": ([key(n) for n in (2_999, 2_998, 2_997)], False),
        "none": ([], True),
    }
    assert sum("$in" in str(each.get("endpoint")) for each in filters) == 1
    assert not [each for each in filters if each.get("endpoint") in ("one", "two")]
    # What is not short any more, or too much to be read together, is read by itself, and the same is found.
    monkeypatch.setattr(module, "TOGETHER", 4)
    assert await seen() == found


async def test_what_is_few_is_counted_exactly(kept: Archive) -> None:
    await kept.kept.backlog.add({key(n): float(n) for n in range(300)})
    await kept.kept.backlog.end([key(n) for n in range(10)], [key(n) for n in range(10, 17)])
    assert await kept.kept.backlog.count(DeliveryStatus.PENDING) == 283
    assert await kept.kept.backlog.count(DeliveryStatus.DEAD_LETTERED) == 7
