"""What the gateway is told of an endpoint is about the endpoint as it is, and is told whatever the gateway answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from edurelay.web.internal import InternalClient
from edurelay_sandbox.receiver import Receiver, Script, answer
from edurelay_webhook_dispatcher import notices as notices_module
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.notices import Notices
from integration.dispatcher.world import ENDPOINT, SEALER, Terms, subscription

TERMS = Terms((0.0,))


@asynccontextmanager
async def telling(endpoints: Endpoints, *answers: Script) -> AsyncIterator[tuple[Notices, Receiver]]:
    """Let a gateway be told that answers so."""
    async with Receiver(*answers).serving() as gateway:
        client = InternalClient("gateway", f"http://127.0.0.1:{gateway.port}", SecretStr("internal"))
        async with client:
            notices = Notices(client, endpoints)
            running = asyncio.create_task(notices.run())
            try:
                yield notices, gateway
                assert not running.done()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def put(endpoints: Endpoints, version: int, *, url: str = "https://receiver.example/", **fields: Any) -> Endpoint:
    """Let there be another state of the endpoint, and return it."""
    endpoints.on_change(ENDPOINT, subscription(url, TERMS, version=version, **fields))
    endpoint = endpoints.get(ENDPOINT)
    assert endpoint is not None
    return endpoint


def told(gateway: Receiver) -> list[tuple[str, Any]]:
    """Return what the gateway was told, and of what."""
    return [(each.line.split()[1].rpartition("/")[2], orjson.loads(each.body)) for each in gateway.requests]


def refusal(status: int, code: str) -> Script:
    return answer(status, orjson.dumps({"code": code, "detail": "no"}))


async def test_what_a_receiver_says_late_is_not_held_against_where_its_endpoint_is_now() -> None:
    endpoints = Endpoints(SEALER)
    former = put(endpoints, 1)
    current = put(endpoints, 2, url="https://elsewhere.example/")
    async with telling(endpoints, answer(204)) as (notices, gateway):
        notices.gone(former, "410 of the former")
        notices.failing(former, "nothing arrived at the former")
        assert endpoints.enabled(current)
        notices.gone(current, "410")
        assert not endpoints.enabled(current)
        await gateway.until(1)
    assert told(gateway) == [("disable", {"reason": "410", "version": 2, "probed": False})]


async def test_one_that_is_only_tried_and_wants_nothing_any_more_is_told() -> None:
    endpoints = Endpoints(SEALER)
    endpoint = put(endpoints, 5, enabled=False, probed=True)
    async with telling(endpoints, answer(204)) as (notices, gateway):
        notices.failing(endpoint, "nothing arrives there still")
        notices.gone(endpoint, "410")
        await gateway.until(1)
    assert told(gateway) == [("disable", {"reason": "410", "version": 5, "probed": False})]


async def test_one_that_its_owner_disabled_is_not_told() -> None:
    endpoints = Endpoints(SEALER)
    disabled = put(endpoints, 1, enabled=False)
    async with telling(endpoints, answer(204)) as (notices, gateway):
        notices.gone(disabled, "410 of an attempt that was under way")
        notices.gone(put(endpoints, 2), "410")
        await gateway.until(1)
    assert told(gateway) == [("disable", {"reason": "410", "version": 2, "probed": False})]


@pytest.mark.parametrize(
    ("refused", "times"),
    [(refusal(503, "store_unavailable"), 2), (refusal(404, "not_found"), 1), (refusal(422, "invalid"), 1)],
    ids=["its store is away", "not there", "not taken"],
)
async def test_a_refusal_ends_at_most_its_own_notice(
    refused: Script, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices_module, "PAUSE", 0.01)
    endpoints = Endpoints(SEALER)
    endpoint = put(endpoints, 1)
    async with telling(endpoints, refused, answer(204)) as (notices, gateway):
        notices.gone(endpoint, "410")
        notices.recovered(endpoint)
        await gateway.until(times + 1)
    assert [what for what, _ in told(gateway)] == ["disable"] * times + ["recovered"]
