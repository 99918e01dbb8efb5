"""`edurelay listen` as a child process: it shows, verifies and hands on what comes, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from e2e.command_line import Child, CommandLine
from e2e.receivers import receiving
from edurelay_cli.listening.mark import Mark
from edurelay_cli.listening.session import delete_leftovers
from edurelay_cli.stack import LocalStack
from edurelay_client import Client, NewEvent
from edurelay_client.models import Endpoint


@pytest.fixture
async def tenant(stack: LocalStack) -> dict[str, str]:
    return await stack.new_tenant("A school that listens")


@pytest.fixture
def edurelay(stack: LocalStack, tenant: dict[str, str], tmp_path: Path) -> CommandLine:
    return CommandLine({"EDURELAY_URL": stack.gateway_url, "EDURELAY_API_KEY": tenant["api_key"]}, tmp_path)


@pytest.fixture
async def client(stack: LocalStack, tenant: dict[str, str]) -> Any:
    async with Client(stack.gateway_url, tenant["api_key"]) as running:
        yield running


async def endpoints(client: Client) -> list[str]:
    return [each.url or "" async for each in client.endpoints.every()]


async def arrival(child: Child) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await child.printed())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_deliveries_are_shown_as_they_come_and_the_end_deletes_the_endpoint(
    edurelay: CommandLine, client: Client, number: signal.Signals
) -> None:
    async with edurelay.child("listen", "note.*", "--body") as child:
        await child.said("listening for note.*")
        assert len(await endpoints(client)) == 1
        await client.events.publish("course.created", {"not": "for it"})
        event_id = await client.events.publish("note.uploaded", {"n": 77}, subject="note-1")
        line = await child.printed()
        assert "note.uploaded" in line
        assert event_id in line
        assert "  verified" in line
        assert "77" in await child.printed('"n"')
        assert await child.end(number) == 0
    assert await endpoints(client) == []


async def test_it_ends_after_as_many_as_were_wanted(edurelay: CommandLine, client: Client) -> None:
    async with edurelay.child("listen", "--count", "2", "--json") as child:
        await child.said("listening for *")
        ids = [await client.events.publish("note.uploaded", {"n": n}, subject="one") for n in range(2)]
        found = [await arrival(child) for _ in ids]
        assert [each["id"] for each in found] == ids
        assert all(each["verified"] and not each["again"] and each["status"] == 204 for each in found)
        assert await child.end() == 0
    assert await endpoints(client) == []


async def test_a_delivery_is_handed_on_as_it_came_and_its_answer_handed_back(
    edurelay: CommandLine, client: Client
) -> None:
    def script(n: int) -> web.Response:
        return web.Response(status=418, text="no tea", headers={"Retry-After": "1"}) if n == 0 else web.Response()

    async with (
        receiving(script) as local,
        edurelay.child("listen", "note.*", "--forward", local.url, "--count", "2", "--json") as child,
    ):
        await child.said("listening")
        event_id = await client.events.publish("note.uploaded", {"n": 1})
        first, second = await arrival(child), await arrival(child)
        assert (first["forwarded"]["status"], second["forwarded"]["status"]) == (418, 200)
        assert (first["again"], second["again"]) == (False, True)
        delivery = (await client.deliveries.page(event=event_id)).data[0]
        attempts = await client.deliveries.attempts(delivery.id)
        assert (attempts[0].status_code, attempts[0].response_excerpt) == (418, "no tea")
        assert await child.end() == 0
    request = local.requests[0]
    assert request.headers["webhook-id"] == event_id
    assert request.headers["webhook-signature"].startswith("v1,")
    assert request.headers["host"] in local.url
    assert request.event["data"] == {"n": 1}


async def test_a_local_program_that_is_away_is_told_of_and_answered_502(edurelay: CommandLine, client: Client) -> None:
    async with edurelay.child("listen", "--forward", "http://127.0.0.1:9/", "--once", "--json") as child:
        await child.said("listening")
        await client.events.publish("note.uploaded", {"n": 1})
        found = await arrival(child)
        assert (found["status"], found["forwarded"]["status"]) == (502, 502)
        assert "127.0.0.1:9" in found["forwarded"]["error"]


async def test_what_somebody_else_sends_is_shown_as_not_verified_and_refused(
    edurelay: CommandLine, client: Client
) -> None:
    async with receiving() as local, edurelay.child("listen", "--forward", local.url) as child:
        said = await child.said("listening")
        url = next(word for word in said.split() if word.startswith("http://"))
        async with aiohttp.ClientSession() as session, session.post(url, data=b'{"id": "x"}') as answer:
            assert answer.status == 401
        assert "NOT VERIFIED" in await child.printed()
        assert local.requests == []


async def test_what_a_killed_listener_left_is_deleted_by_the_next_and_nothing_else(
    edurelay: CommandLine, client: Client
) -> None:
    await client.endpoints.create("http://127.0.0.1:9/mine", ["*"], description="mine")
    foreign = replace(Mark.own(), machine="0" * 12)
    await client.endpoints.create("http://127.0.0.1:9/foreign", ["*"], description=foreign.description)
    async with edurelay.child("listen") as killed:
        await killed.said("listening")
        assert await killed.end(signal.SIGKILL) == -signal.SIGKILL
    assert len(await endpoints(client)) == 3
    async with edurelay.child("listen") as living, edurelay.child("listen") as child:
        await child.said("listening")
        await living.said("listening")
        assert len(await endpoints(client)) == 4
        assert await child.end(signal.SIGINT) == 0
        assert await living.end(signal.SIGINT) == 0
    assert sorted(await endpoints(client)) == ["http://127.0.0.1:9/foreign", "http://127.0.0.1:9/mine"]


async def test_what_another_listener_deletes_meanwhile_is_no_error(client: Client) -> None:
    class Raced:
        """The endpoints, of which somebody else deletes the first that is left behind as soon as it is listed."""

        async def every(self) -> AsyncIterator[Endpoint]:
            async for each in client.endpoints.every():
                yield each
            await client.endpoints.delete(first.id)

        async def delete(self, endpoint_id: str) -> None:
            await client.endpoints.delete(endpoint_id)

    dead = replace(Mark.own(), since=1).description
    first = await client.endpoints.create("http://127.0.0.1:9/first", ["*"], description=dead)
    await client.endpoints.create("http://127.0.0.1:9/second", ["*"], description=dead)
    raced: Any = SimpleNamespace(endpoints=Raced())
    assert await delete_leftovers(raced) == 1
    assert await endpoints(client) == []


async def test_where_nothing_gets_through_it_says_what_to_do_and_leaves_nothing(
    edurelay: CommandLine, client: Client
) -> None:
    for url, told in (("http://10.1.2.3/", "address"), ("http://127.0.0.1:9/", "cannot be reached")):
        async with edurelay.child("listen", "--url", url) as child:
            assert "--url https://" in await child.said(told)
            assert await child.end() == 1
    assert await endpoints(client) == []


async def test_whoever_comes_after_the_last_one_wanted_is_refused(edurelay: CommandLine, client: Client) -> None:
    async with edurelay.child("listen", "--once", "--json") as child:
        await child.said("listening")
        await client.events.publish_batch([NewEvent(type="note.uploaded", data={"n": n}) for n in range(20)])
        assert await child.end() == 0
        assert child.process.stdout is not None
        async with asyncio.timeout(10):
            lines = (await child.process.stdout.read()).splitlines()
    assert len(lines) == 1
