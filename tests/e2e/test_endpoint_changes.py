"""What becomes of pending deliveries when their endpoint changes."""

from __future__ import annotations

import asyncio

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_client import Client
from edurelay_client.models import Delivery

#: A first attempt, and for the second an hour's time.
LATER = [0, 3600]


async def until_attempted(client: Client, endpoint: str, count: int) -> list[Delivery]:
    """Return the deliveries of an endpoint once so many have had an attempt."""
    async with asyncio.timeout(60):
        while True:
            found = [each async for each in client.deliveries.every(endpoint=endpoint) if each.attempts]
            if len(found) == count:
                return found
            await asyncio.sleep(0.1)


async def test_what_is_pending_for_deleted_endpoints_is_cancelled_and_counted(client: Client) -> None:
    async with receiving(500) as receiver:
        endpoints = [await client.endpoints.create(receiver.url, ["*"], retry_schedule=LATER) for _ in range(8)]
        for n in range(3):
            await client.events.publish("note.uploaded", {"n": n})
        for endpoint in endpoints:
            pending = await until_attempted(client, endpoint.id, 3)
            assert {each.status for each in pending} == {"pending"}
        await asyncio.gather(*(client.endpoints.delete(endpoint.id) for endpoint in endpoints))
        async with asyncio.timeout(60):
            while True:
                ended = [each async for each in client.deliveries.every()]
                if all(each.status == "dead_lettered" for each in ended):
                    break
                await asyncio.sleep(0.1)
        assert {each.reason for each in ended} == {"the endpoint was deleted"}
        assert len(ended) == len(receiver.requests) == 24


async def test_what_is_pending_for_a_disabled_endpoint_waits_and_goes_on(client: Client, settled: Settled) -> None:
    async with receiving(500) as parked, receiving(500) as control:
        endpoint = await client.endpoints.create(parked.url, ["*"], retry_schedule=[0, 1.0, 0.2])
        other = await client.endpoints.create(control.url, ["*"], retry_schedule=[0, 1.0, 0.2])
        await client.events.publish("note.uploaded", {"n": 1})
        await until_attempted(client, endpoint.id, 1)
        await client.endpoints.change(endpoint.id, enabled=False)
        # By the time at which its neighbour's delivery has come to its end, its own would have done so as well.
        assert (await settled(other, 1)).dead_lettered == 1
        assert (await client.endpoints.ledger(endpoint.id)).pending == 1
        assert len(parked.requests) == 1
        parked.script = lambda _: 200
        await client.endpoints.enable(endpoint.id)
        assert (await settled(endpoint, 1)).delivered == 1
        assert len(set(parked.events)) == 1


async def test_the_next_attempt_goes_to_the_changed_url(client: Client, settled: Settled) -> None:
    async with receiving(500) as former, receiving() as present:
        endpoint = await client.endpoints.create(former.url, ["*"], retry_schedule=[0, 2.0])
        await client.events.publish("note.uploaded", {"n": 1})
        await former.until(1)
        await client.endpoints.change(endpoint.id, url=present.url)
        assert (await settled(endpoint, 1)).delivered == 1
        assert len(former.requests) == len(present.requests) == 1
        assert former.requests[0].body == present.requests[0].body
        assert former.events == present.events
