"""By its numbers a receiver sees what it misses, and gets it by asking; who likes may only ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from e2e.conftest import Settled
from e2e.receivers import Receiver, receiving
from edurelay_client import ApiError, Client, NotFound


def numbers(receiver: Receiver) -> list[int]:
    """The numbers of what came, in the order in which it came."""
    return [int(request.headers["webhook-sequence"]) for request in receiver.requests]


async def test_every_delivery_has_a_number_and_stands_under_it_in_the_stream(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["note.*"])
        other = await client.endpoints.create(receiver.url, ["grade.*"])
        ids = [await client.events.publish("note.uploaded", {"n": n}) for n in range(25)]
        await client.events.publish("grade.published", {"n": 0})
        await settled(endpoint, 25)
        await settled(other, 1)
        came = {request.headers["webhook-id"]: request for request in receiver.requests}
        stream = await client.endpoints.events(endpoint.id)
        assert [each.sequence for each in stream] == list(range(1, 26))
        assert {each.event_id for each in stream} == set(ids)
        for each in stream:
            assert came[each.event_id].headers["webhook-sequence"] == str(each.sequence)
            assert each.event == came[each.event_id].event
            assert each.delivery_id is not None
            assert (await client.deliveries.get(each.delivery_id)).sequence == each.sequence
        assert [each.sequence for each in await client.endpoints.events(other.id)] == [1]
        assert [each.sequence for each in await client.endpoints.events(endpoint.id, after=7, limit=3)] == [8, 9, 10]
        assert await client.endpoints.events(endpoint.id, after=25) == []


async def test_a_retry_a_redelivery_and_a_test_have_numbers_as_well(client: Client, settled: Settled) -> None:
    async with receiving(lambda n: 500 if n == 0 else 200) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        began = datetime.now(UTC) - timedelta(minutes=1)
        await client.events.publish("note.uploaded", {"n": 1})
        await settled(endpoint, 1)
        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        await client.deliveries.redeliver(delivery.id)
        await receiver.until(3)
        assert numbers(receiver) == [1, 1, 1]
        await client.endpoints.test(endpoint.id)
        await receiver.until(4)
        await client.endpoints.replay(endpoint.id, since=began, until=datetime.now(UTC) + timedelta(minutes=1))
        await receiver.until(5)
        # What is brought by a replay is another delivery, and a test another still.
        assert numbers(receiver)[3:] == [2, 3]


async def test_a_reader_waits_for_what_comes(client: Client) -> None:
    async with receiving(500) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        asked = asyncio.create_task(client.endpoints.events(endpoint.id, wait=30))
        event_id = await client.events.publish("note.uploaded", {"n": 1})
        (first,) = await asked
        assert (first.sequence, first.event_id) == (1, event_id)

        async def read() -> list[str]:
            found = []
            async for each in client.endpoints.follow(endpoint.id):
                found.append(each.event_id)
                if len(found) == 3:
                    break
            return found

        reading = asyncio.create_task(read())
        more = [await client.events.publish("note.uploaded", {"n": n}) for n in (2, 3)]
        async with asyncio.timeout(60):
            found = await reading
        assert found[0] == event_id
        assert set(found[1:]) == set(more)


async def test_a_stream_is_its_tenants_own_and_bad_numbers_are_refused(client: Client, other_client: Client) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        with pytest.raises(NotFound):
            await other_client.endpoints.events(endpoint.id)
        for query in ({"after": -1}, {"after": 2**63}, {"limit": 0}, {"limit": 101}):
            with pytest.raises(ApiError) as refused:
                await client.endpoints.events(endpoint.id, **query)
            assert refused.value.status in (400, 422)
