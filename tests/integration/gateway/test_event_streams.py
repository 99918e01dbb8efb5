"""Server-sent events: resumed by number, alive while nothing comes, bounded for each tenant, ended without a loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from edurelay_client.server_sent import ServerSent, ServerSentParser
from edurelay_gateway.endpoints import streaming
from integration.gateway.neighbours import Stream
from integration.gateway.world import Caller, World, running, until

READ = {"url": None, "event_types": ["*"]}
SECONDS = 30.0


class Reader:
    """Somebody who reads a stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.raw = b""
        self._parser = ServerSentParser()
        self._events: list[ServerSent] = []

    async def events(self, count: int) -> list[ServerSent]:
        """Return the next events, once there are so many."""
        async with asyncio.timeout(SECONDS):
            while len(self._events) < count:
                piece = await self.response.content.readany()
                assert piece, f"the stream has ended behind {self._events}"
                self.raw += piece
                self._events += self._parser.feed(piece)
        found, self._events = self._events[:count], self._events[count:]
        return found

    async def end(self) -> bytes:
        """Return what comes until the stream ends as it should."""
        async with asyncio.timeout(SECONDS):
            return await self.response.content.read()


@asynccontextmanager
async def reading(
    world: World, caller: Caller, endpoint: str, query: str = "", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Reader]:
    """Open a stream."""
    sent = {"Authorization": f"Bearer {caller.token}", "Accept": "text/event-stream", **(headers or {})}
    async with world.session.get(f"{world.url}/v1/endpoints/{endpoint}/events{query}", headers=sent) as response:
        assert response.status == 200, await response.read()
        assert response.content_type == "text/event-stream"
        yield Reader(response)


async def furnished(world: World, tenant: Caller, count: int = 0) -> tuple[str, Stream]:
    """Return an endpoint of the tenant, and its stream at the dispatcher."""
    endpoint = (await tenant.made("/v1/endpoints", READ))["id"]
    stream = Stream()
    for n in range(count):
        stream.add("note.uploaded", {"n": n})
    world.neighbours.streams[f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint}/events"] = stream
    return endpoint, stream


async def test_an_event_of_the_stream_is_an_entry_of_the_list_under_its_number(world: World, tenant: Caller) -> None:
    endpoint, stream = await furnished(world, tenant, 3)
    stream.add(None, None)
    listed = (await tenant("GET", f"/v1/endpoints/{endpoint}/events")).body
    assert (listed["after"], listed["last"]) == (0, 4)
    async with reading(world, tenant, endpoint) as reader:
        found = await reader.events(4)
        assert [each.id for each in found] == ["1", "2", "3", "4"]
        assert [each.event for each in found] == ["note.uploaded"] * 3 + ["message"]
        assert [orjson.loads(each.data) for each in found] == listed["data"]
        assert reader.raw.startswith(b"retry: ")
        stream.add("note.deleted", {"text": "two\nlines"})
        (later,) = await reader.events(1)
        assert (later.id, orjson.loads(later.data)["event"]) == ("5", {"text": "two\nlines"})


async def test_it_goes_on_behind_the_last_id_then_behind_after_then_behind_what_was_committed(
    world: World, tenant: Caller
) -> None:
    endpoint, stream = await furnished(world, tenant, 9)
    stream.committed = 2
    for query, headers, first in (
        ("", {}, "3"),
        ("?after=0", {}, "1"),
        ("?after=5", {}, "6"),
        ("?after=5", {"Last-Event-ID": "7"}, "8"),
        ("", {"Last-Event-ID": "0"}, "1"),
    ):
        async with reading(world, tenant, endpoint, query, headers) as reader:
            assert (await reader.events(1))[0].id == first
    for crooked in ("x", "-1", "1.5", "9" * 30, "0" * 5000, "0" * 20 + "9" * 30, str(2**53), "\u0665"):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": crooked}
        told = await tenant("GET", f"/v1/endpoints/{endpoint}/events", headers=headers)
        assert (told.status, told.body["field"]) == (422, "Last-Event-ID"), crooked


async def test_a_reader_hears_something_while_nothing_happens(
    world: World, tenant: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert streaming.HEARTBEAT <= 15
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.1)
    endpoint, stream = await furnished(world, tenant)
    async with reading(world, tenant, endpoint) as reader, asyncio.timeout(SECONDS):
        while reader.raw.count(b"\n: ") < 3:
            reader.raw += await reader.response.content.readany()
        stream.add("note.uploaded", {})
        assert (await reader.events(1))[0].id == "1"


async def test_a_dispatcher_that_is_away_is_waited_for(
    world: World, tenant: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "PAUSE", 0.02)
    endpoint, stream = await furnished(world, tenant, 1)
    stream.away = True
    async with reading(world, tenant, endpoint) as reader:
        async with asyncio.timeout(SECONDS):
            while stream.asked < 5:
                await asyncio.sleep(0.01)
        stream.away = False
        assert (await reader.events(1))[0].id == "1"


async def test_what_is_gone_is_said_and_ends_the_stream(world: World, tenant: Caller) -> None:
    endpoint, stream = await furnished(world, tenant, 9)
    stream.first = 5
    told = await tenant("GET", f"/v1/endpoints/{endpoint}/events")
    assert (told.status, told.body["code"], told.body["first"]) == (410, "events_gone", 5)
    async with reading(world, tenant, endpoint, "?after=2") as reader:
        (gone,) = await reader.events(1)
        assert (gone.id, gone.event) == (None, "gone")
        assert (orjson.loads(gone.data)["code"], orjson.loads(gone.data)["first"]) == ("events_gone", 5)
        assert await reader.end() == b""
    async with reading(world, tenant, endpoint, "?after=4") as reader:
        assert (await reader.events(1))[0].id == "5"


async def test_the_stream_of_an_endpoint_that_is_deleted_ends(world: World, tenant: Caller) -> None:
    endpoint, stream = await furnished(world, tenant, 1)
    async with reading(world, tenant, endpoint) as reader:
        await reader.events(1)
        assert (await tenant("DELETE", f"/v1/endpoints/{endpoint}")).status == 204
        stream.add("note.uploaded", {})
        await reader.end()
    told = await tenant("GET", f"/v1/endpoints/{endpoint}/events", headers={"Accept": "text/event-stream"})
    assert told.status == 404


async def test_a_tenant_has_a_bounded_number_of_streams_and_its_neighbour_its_own(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name, streams_per_tenant=2, streams=3) as world:
        tenant, stranger = await world.tenant(), await world.tenant()
        endpoint, _ = await furnished(world, tenant, 1)
        others, _ = await furnished(world, stranger, 1)
        path, headers = f"/v1/endpoints/{endpoint}/events", {"Accept": "text/event-stream"}
        async with reading(world, tenant, endpoint), reading(world, tenant, endpoint):
            refused = await tenant("GET", path, headers=headers)
            assert (refused.status, refused.body["code"]) == (429, "too_many_streams")
            assert refused.headers["Retry-After"]
            assert (await tenant("GET", path)).status == 200
            async with reading(world, stranger, others) as reader:
                await reader.events(1)
                full = await stranger("GET", f"/v1/endpoints/{others}/events", headers=headers)
                assert (full.status, full.body["code"]) == (503, "overloaded")

        async def again() -> bool:
            sent = {"Authorization": f"Bearer {tenant.token}", **headers}
            async with world.session.get(world.url + path, headers=sent) as response:
                return response.status == 200

        await until(again, bool)


async def test_when_the_gateway_stops_its_streams_end_as_they_should(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name) as world:
        tenant = await world.tenant()
        endpoint, _ = await furnished(world, tenant, 2)
        async with reading(world, tenant, endpoint) as reader:
            await reader.events(2)
            waiting = asyncio.create_task(
                tenant("GET", f"/v1/endpoints/{endpoint}/events?after=2", headers={"Prefer": "wait=60"})
            )
            world.stop()
            assert await reader.end() == b""
            told = await asyncio.wait_for(waiting, SECONDS)
            assert (told.status, told.body["data"], told.body["last"]) == (200, [], 2)


async def test_nothing_is_read_ahead_of_a_reader_who_does_not_read(world: World, tenant: Caller) -> None:
    endpoint, stream = await furnished(world, tenant)
    text = "x" * 100_000
    for _ in range(2_000):
        stream.add("note.uploaded", text)
    async with reading(world, tenant, endpoint, "?limit=2") as reader:
        seen = -1
        while seen != stream.asked:
            seen = stream.asked
            await asyncio.sleep(1.0)
        # What is under way is in the buffers of the sockets; the whole would be 1,000 pages.
        assert stream.asked < 500
        assert [each.id for each in await reader.events(300)] == [str(n) for n in range(1, 301)]


async def test_a_stream_is_its_tenants_own(world: World, tenant: Caller, stranger: Caller) -> None:
    endpoint, _ = await furnished(world, tenant, 1)
    headers = {"Accept": "text/event-stream"}
    foreign = await stranger("GET", f"/v1/endpoints/{endpoint}/events", headers=headers)
    missing = await stranger("GET", "/v1/endpoints/ep_00000000000000000000000000000000/events", headers=headers)
    assert (foreign.status, foreign.raw) == (missing.status, missing.raw)
    assert foreign.status == 404
