"""What becomes of an endpoint where nothing arrives: it rests, is announced, disabled, tried again and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from e2e.conftest import Settled
from e2e.receivers import Receiver, receiving
from edurelay_client import Client
from edurelay_client.models import Endpoint

#: Attempts for as long as it takes to be disabled, and some more.
LONG = [0.0, *[0.5] * 19]


async def until(client: Client, endpoint: str, holds: Callable[[Endpoint], bool]) -> Endpoint:
    """Return the endpoint once something holds of it."""
    async with asyncio.timeout(60):
        while not holds(seen := await client.endpoints.get(endpoint)):
            await asyncio.sleep(0.1)
    return seen


async def until_told(watcher: Receiver, *types: str) -> list[dict[str, object]]:
    """Return what was told of endpoints, once the last of these types was."""
    async with asyncio.timeout(60):
        while [request.event["event"] for request in watcher.requests] != list(types):
            assert len(watcher.requests) <= len(types), [request.event for request in watcher.requests]
            await asyncio.sleep(0.1)
    return [request.event["data"] for request in watcher.requests]


async def test_an_endpoint_that_only_fails_is_announced_disabled_probed_and_brought_back(
    client: Client, settled: Settled
) -> None:
    async with receiving(500) as receiver, receiving() as watcher:
        await client.endpoints.create(watcher.url, ["endpoint.*"])
        endpoint = await client.endpoints.create(receiver.url, ["*"], retry_schedule=LONG)
        first = await client.events.publish("note.uploaded", {"n": 1})
        seen = await until(client, endpoint.id, lambda each: not each.enabled)
        assert seen.probed
        assert seen.disabled_reason is not None
        await until_told(watcher, *["endpoint.failing"] * 3, "endpoint.disabled")
        receiver.script = lambda _: 204
        await until(client, endpoint.id, lambda each: each.enabled and not each.probed)
        told = await until_told(watcher, *["endpoint.failing"] * 3, "endpoint.disabled", "endpoint.recovered")
        assert [each.get("percent") for each in told[:3]] == [50, 70, 90]
        assert {each["endpoint_id"] for each in told} == {endpoint.id}
        assert told[4]["was_disabled"] is True
        ledger = await settled(endpoint, 1)
        assert ledger.delivered == ledger.matched
        # It is tried with what waits for it. Of its own failing it is not told, since it asked for school events.
        assert set(receiver.events) == {first}


async def test_an_owner_who_disables_it_is_not_overruled_by_a_probe(client: Client) -> None:
    async with receiving(500) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"], retry_schedule=LONG)
        await client.events.publish("note.uploaded", {"n": 1})
        await until(client, endpoint.id, lambda each: each.probed)
        await client.endpoints.change(endpoint.id, enabled=False)
        assert not (await client.endpoints.get(endpoint.id)).probed
        receiver.script = lambda _: 204
        seen = len(receiver.requests)
        event = await client.events.publish("note.uploaded", {"n": 2})
        async with receiving() as other:
            await client.endpoints.create(other.url, ["*"])
            await client.endpoints.enable(endpoint.id)
            await receiver.until(seen + 1)
            assert event not in receiver.events


async def test_a_dead_endpoint_rests_and_its_deliveries_end_all_the_same(client: Client, settled: Settled) -> None:
    async with receiving(500) as dead, receiving() as healthy, receiving() as watcher:
        await client.endpoints.create(watcher.url, ["delivery.exhausted"])
        endpoint = await client.endpoints.create(dead.url, ["*"])
        neighbour = await client.endpoints.create(healthy.url, ["*"])
        for n in range(40):
            await client.events.publish("note.uploaded", {"n": n})
        assert (await settled(neighbour, 40)).delivered == 40
        ledger = await settled(endpoint, 40)
        assert ledger.dead_lettered == 40
        # With four attempts each it would have been 160 requests; a probe stands for all that wait.
        assert len(dead.requests) < 120
        deliveries = [each async for each in client.deliveries.every(endpoint=endpoint.id)]
        assert {each.attempts for each in deliveries} == {4}
        told = await until_told(watcher, "delivery.exhausted")
        assert told[0]["endpoint_id"] == endpoint.id
        assert told[0]["attempts"] == 4


async def test_what_waited_for_a_probe_is_sent_when_it_arrives(client: Client, settled: Settled) -> None:
    async with receiving(503) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"], retry_schedule=[0, 1, 1, 1, 1, 1, 1, 1])
        for n in range(40):
            await client.events.publish("note.uploaded", {"n": n})
        await receiver.until(12)
        receiver.script = lambda _: 200
        ledger = await settled(endpoint, 40)
        assert (ledger.delivered, ledger.dead_lettered) == (40, 0)


async def test_a_receiver_may_end_one_delivery_and_go_on_with_others(client: Client, settled: Settled) -> None:
    def answer(n: int) -> web.Response:
        return web.Response(status=400, headers={"webhook-delivery": "abort-message"}) if n == 0 else web.Response()

    async with receiving(answer) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        await client.events.publish("note.uploaded", {"n": 1})
        assert (await settled(endpoint, 1)).dead_lettered == 1
        await client.events.publish("note.uploaded", {"n": 2})
        ledger = await settled(endpoint, 2)
        assert (ledger.delivered, ledger.dead_lettered) == (1, 1)
        assert len(receiver.requests) == 2


async def test_a_receiver_may_take_a_delivery_and_want_no_more(client: Client, settled: Settled) -> None:
    async with receiving(lambda _: web.Response(headers={"webhook-delivery": "disable"})) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        await client.events.publish("note.uploaded", {"n": 1})
        seen = await until(client, endpoint.id, lambda each: not each.enabled)
        assert not seen.probed
        assert (await settled(endpoint, 1)).delivered == 1
