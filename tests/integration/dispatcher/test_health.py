"""Since when an endpoint fails is not forgotten, whatever is being written or read at that moment."""

from __future__ import annotations

import asyncio
import time

import pytest

from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.mongo import Collection, Database
from edurelay_webhook_dispatcher import health, store
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.credentials import Credentials
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.health import Health
from integration.cut import Line
from unit.dispatcher.subscribing import subscription

FAILED = Attempt(time.time(), 0.0, status=500)


def endpoint(name: str) -> Endpoint:
    """Return one that gets everything."""
    return Endpoint(subscription(name), (), (), Credentials(None))


async def written(documents: Collection, *names: str) -> None:
    """Return when it is written that these endpoints fail."""
    async with asyncio.timeout(60):
        while {each["_id"] async for each in documents.find({})} != set(names):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("during", [b"insert", b"find"], ids=["another is written", "all are read"])
async def test_an_endpoint_that_begins_to_fail_meanwhile_is_written_down(
    mongo_uri: str, producer: Producer, monkeypatch: pytest.MonkeyPatch, during: bytes
) -> None:
    monkeypatch.setattr(health, "REFRESH", 3600.0)
    with Line(mongo_uri, 0, answer_lost=False) as line:
        async with await Database.connect(line.uri, new_id("test"), collections=store.ALL) as database:
            documents = database[store.FAILING]
            judge = Health(
                documents, producer, disable_after=3600.0, disable=lambda *_: None, enable=lambda endpoint: None
            )
            line.hold(during)
            judge.judge(endpoint("first"), FAILED)
            running = asyncio.create_task(judge.run())
            await line.until_held()
            judge.judge(endpoint("second"), FAILED)
            line.let_go()
            await written(documents, "first", "second")
            running.cancel()
            await asyncio.wait([running])
