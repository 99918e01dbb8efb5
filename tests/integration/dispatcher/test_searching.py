"""Deliveries are found by whatever is asked, page by page, and one request looks at a bounded number of them."""

from __future__ import annotations

import itertools

import pytest

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay_webhook_dispatcher import repository
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey, replay_origin
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries
from integration.dispatcher.looking_back import START, TENANT, Archive, archive

STATUSES = tuple(DeliveryStatus)
TYPES, SUBJECTS, ENDPOINTS = ("a.b", "a.c.d", "b"), (None, "s"), ("ep", "ep-1", "ep0")


async def filled(kept: Archive) -> list[Document]:
    """Write deliveries of all kinds; return those of the tenant, in the order in which they are listed."""
    kinds = itertools.product(ENDPOINTS, STATUSES, TYPES, SUBJECTS)
    written = [
        await kept.put(status, number, endpoint=endpoint, fields={"type": type_, "subject": subject})
        for number, (endpoint, status, type_, subject) in enumerate(kinds)
    ]
    for tenant in ("nort", "north-2", "north2"):
        await kept.put(DeliveryStatus.DELIVERED, 1, tenant=tenant)
    return sorted(written, key=lambda each: str(each["_id"]), reverse=True)


@pytest.mark.parametrize("endpoint", [None, "ep"])
@pytest.mark.parametrize("status", [None, "delivered", "pending", "dead_lettered"])
async def test_a_search_finds_what_a_plain_list_would(
    mongo_uri: str,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None,
    status: str | None,
) -> None:
    monkeypatch.setattr(repository, "LEAST", 4)
    async with archive(mongo_uri, database_name) as kept:
        written = await filled(kept)
        for types, subject, (since, until) in itertools.product(
            [(), ("a.*",), ("b",)], SUBJECTS, [(None, None), (START + 5, START + 30), (START + 40, None)]
        ):
            wanted = WantedDeliveries(Wanted(types, subject, since, until), endpoint, status)
            found: list[str] = []
            before = None
            while True:
                page, before = await kept.of().deliveries(wanted, before=before, limit=4, examined=10)
                assert len(page) <= 4
                found += [each["_id"] for each in page]
                if before is None:
                    break
            assert found == [each["_id"] for each in written if wanted.takes(each)], wanted


async def test_a_page_ends_when_enough_was_looked_at(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        for number in range(30):
            await kept.put(DeliveryStatus.DELIVERED, number, fields={"type": "rare" if number == 0 else "common"})
        wanted = WantedDeliveries(Wanted(("rare",)))
        page, before = await kept.of().deliveries(wanted, before=None, limit=4, examined=20)
        assert page == []
        assert before is not None
        page, before = await kept.of().deliveries(wanted, before=before, limit=4, examined=20)
        assert ([each["type"] for each in page], before) == (["rare"], None)


async def test_an_event_leads_to_all_its_deliveries_and_to_no_others(mongo_uri: str, database_name: str) -> None:
    async with archive(mongo_uri, database_name) as kept:
        first = [await kept.put(DeliveryStatus.DELIVERED, 7, endpoint=each) for each in ("ep", "other")]
        await kept.put(DeliveryStatus.DELIVERED, 8)
        await kept.put(DeliveryStatus.DELIVERED, 7, tenant="south")
        event = Entry(TENANT, "evt_1", "a.b", None, "t", "/here", 0, 7, START + 7, ("ep", "other", "not-yet"))
        ranges = {"r1": (0, 7), "r2": (7, 8), "r3": (0, 99)}
        for replay, (since, until) in ranges.items():
            await kept.kept.replays.insert_one(
                {"_id": replay, "tenant": TENANT, "endpoint": "new", "since": START + since, "until": START + until}
            )
        keys = [DeliveryKey(TENANT, "new", START + 7, replay_origin(replay, 0, 7)) for replay in ("r2", "r3")]
        await kept.kept.deliveries.insert_many([{**first[0], "_id": key.stored, "endpoint": "new"} for key in keys])
        found = await kept.of().deliveries_of(event)
        expected = {each["_id"] for each in first} | {key.stored for key in keys}
        assert {each["_id"] for each in found} == expected
