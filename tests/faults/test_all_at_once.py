"""kill -9 of all four services at once, while 5,000 events are published one by one: none is lost, what was in flight
comes again soon, and nothing comes twice but what may not have been written down."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from conftest import TOLD
from e2e.receivers import Receiver, receiving
from edurelay_cli.stack import LocalStack
from edurelay_cli.stack.services import NAMES
from edurelay_client import Client
from edurelay_client.models import Endpoint
from edurelay_webhook_dispatcher.recorder import UNWRITTEN
from faults.publisher import TYPE
from faults.trial import DISPATCHER, PATIENT, SECONDS, until_running

pytestmark = pytest.mark.timeout(600)

EVENTS, PUBLISHERS, WINDOW = 5_000, 16, 50
#: How many attempts are held back by their receiver at the moment of the kill, each under a lease: fewer than make a
#: breaker open.
HELD, HELD_TYPE = 3, "custom.held"
#: How long, in seconds, it may take from the start of a dispatcher until it has sent again what was in flight.
AGAIN_SECONDS = 15.0


async def publish(session: aiohttp.ClientSession, event_ids: Iterator[str], accepted: list[str], kind: str) -> None:
    """Publish one after the other, each until it is accepted."""
    for event_id in event_ids:
        body = {"id": event_id, "type": kind, "subject": event_id[-2:], "data": {"of": event_id}}
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post("/v1/events", json=body) as answer:
                    if answer.status == 202:
                        break
                    assert answer.status == 503, await answer.text()
            await asyncio.sleep(0.1)
        accepted.append(event_id)


async def until(holds: Callable[[], bool]) -> None:
    """Return when something holds that this process sees."""
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


async def hold_back(session: aiohttp.ClientSession, receiver: Receiver) -> list[str]:
    """Return events whose attempts were claimed from the store and are under way, for as long as the receiver holds."""
    receiver.script = lambda _: 500
    ids = [f"held-{number}" for number in range(HELD)]
    await publish(session, iter(ids), [], HELD_TYPE)
    await receiver.until(HELD)
    receiver.open.clear()
    answered = len(receiver.requests)
    await until(lambda: set(receiver.events[answered:]) == set(ids))
    receiver.script = lambda _: 204
    return ids


async def settled(client: Client, endpoint: Endpoint, count: int) -> None:
    """Return when the ledger is exact."""
    async with asyncio.timeout(SECONDS):
        while True:
            ledger = await client.endpoints.ledger(endpoint.id)
            assert ledger.matched == ledger.delivered + ledger.pending + ledger.dead_lettered
            if (ledger.matched, ledger.delivered) == (count, count):
                return
            await asyncio.sleep(1)


@asynccontextmanager
async def tenant(stack: LocalStack, name: str) -> AsyncIterator[tuple[Client, aiohttp.ClientSession]]:
    """Make a tenant; return its client, and a session that publishes for it."""
    async with AsyncExitStack() as exits:
        admin = await exits.enter_async_context(Client(stack.gateway_url, stack.admin_token, retries=PATIENT))
        key = (await admin.tenants.create_key((await admin.tenants.create(name)).id)).api_key
        client = await exits.enter_async_context(Client(stack.gateway_url, key, retries=PATIENT))
        headers, timeout = {"Authorization": f"Bearer {key}"}, aiohttp.ClientTimeout(total=30)
        yield (
            client,
            await exits.enter_async_context(aiohttp.ClientSession(stack.gateway_url, headers=headers, timeout=timeout)),
        )


async def test_after_a_kill_of_everything_but_the_stores_nothing_is_lost(
    stack: LocalStack, request: pytest.FixtureRequest, record_property: Any
) -> None:
    loop, accepted, ids = asyncio.get_running_loop(), list[str](), [f"event-{number}" for number in range(EVENTS)]
    async with (
        tenant(stack, request.node.name) as (client, session),
        receiving() as receiver,
        receiving() as holding,
        asyncio.TaskGroup() as publishing,
    ):
        endpoint = await client.endpoints.create(receiver.url, [TYPE], max_in_flight=WINDOW)
        held_at = await client.endpoints.create(holding.url, [HELD_TYPE])
        left = iter(ids)
        for _ in range(PUBLISHERS):
            publishing.create_task(publish(session, left, accepted, TYPE))
        await until(lambda: len(accepted) >= EVENTS // 3)
        held = await hold_back(session, holding)
        assert len(accepted) < EVENTS, "there is nothing left to be in the middle of"
        killed, before, held_before = loop.time(), set(receiver.events), len(holding.requests)
        for name in NAMES:
            stack.process(name).signal(signal.SIGKILL)
        holding.open.set()
        await until_running(stack, DISPATCHER)
        ready = loop.time() - killed
        await until(lambda: len(accepted) == EVENTS)
        await settled(client, endpoint, EVENTS)
        await settled(client, held_at, HELD)
    assert set(receiver.events) == set(ids)
    repeated = len(receiver.events) - EVENTS
    assert repeated <= UNWRITTEN + WINDOW
    came = [(each.headers["webhook-id"], each.at - killed) for each in holding.requests[held_before:]]
    assert sorted(event_id for event_id, _ in came) == sorted(held), "each of them once more, and only once"
    again = [at for _, at in came] + [
        each.at - killed for each in receiver.requests if each.at > killed and each.headers["webhook-id"] in before
    ]
    figures = f"{repeated} repeated (at most {UNWRITTEN + WINDOW}), ready after {ready:.1f} s"
    figures += f", what was in flight again after {min(again):.1f} to {max(again):.1f} s"
    record_property(TOLD, f"kill -9 of all four services in the middle of {EVENTS:,}: 0 lost, {figures}")
    assert max(again) < ready + AGAIN_SECONDS
