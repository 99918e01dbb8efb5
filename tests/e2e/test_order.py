"""Order by subject, asked for and seen to through the public API alone."""

from __future__ import annotations

import asyncio

import pytest

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_client import ApiError, Client, Order
from edurelay_client.models import Delivery


async def test_a_subject_waits_behind_what_is_parked_until_that_is_skipped(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        receiver.script = lambda n: 500 if receiver.requests[n].event["data"] == {"n": 0} else 204
        order = Order(failures=2, then="park")
        endpoint = await client.endpoints.create(receiver.url, ["*"], order=order)
        assert (await client.endpoints.get(endpoint.id)).order == order
        for n, subject in enumerate("aabbaa"):
            await client.events.publish("note.uploaded", {"n": n}, subject=subject)
        async with asyncio.timeout(60):
            while not (found := await _parked(client, endpoint.id)):
                await asyncio.sleep(0.1)
            while (ledger := await client.endpoints.ledger(endpoint.id)).delivered < 2 or ledger.matched < 6:
                await asyncio.sleep(0.1)
        assert (ledger.delivered, ledger.pending, ledger.dead_lettered) == (2, 3, 1)
        skipped = await client.deliveries.skip(found[0].id)
        assert (skipped.status, skipped.parked, skipped.reason) == ("dead_lettered", False, "skipped on request")
        await settled(endpoint, 6)
        came = [request.event["data"]["n"] for request in receiver.requests]
        assert [n for n in came if n in (0, 1, 4, 5)] == [0, 0, 1, 4, 5]
        assert [n for n in came if n in (2, 3)] == [2, 3]
        with pytest.raises(ApiError) as refused:
            await client.deliveries.skip(found[0].id)
        assert (refused.value.status, refused.value.code) == (409, "nothing_to_skip")
        assert (await client.endpoints.change(endpoint.id, order=None)).order is None


async def _parked(client: Client, endpoint: str) -> list[Delivery]:
    return [each async for each in client.deliveries.every(endpoint=endpoint) if each.parked]
