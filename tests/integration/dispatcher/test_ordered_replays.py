"""The whole dispatcher, with order: replays keep it as well, and what cannot be skipped is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.receivers import Receiver
from edurelay.events.ids import new_id
from edurelay.web.internal import QueryValues
from edurelay.web.problems import Problem
from integration.dispatcher.service import running
from integration.gateway.world import until

SKIP = {"then": "skip"}


async def test_a_replay_keeps_the_order_of_each_subject(
    kafka_bootstrap: str, mongo_uri: str, receiver: Receiver
) -> None:
    async with running(kafka_bootstrap, mongo_uri) as service:
        tenant, began = new_id("t"), datetime.now(UTC)
        endpoint = await service.subscribe(tenant, receiver.url, order=SKIP)
        events = [await service.publish(tenant, "a.b", {"n": n}, subject="ab"[n % 2]) for n in range(8)]
        await service.delivered(tenant, endpoint, 8)
        before = len(receiver.requests)

        def script(number: int) -> int:
            again = receiver.events[before:]
            return 500 if again == [again[0]] or (again[-1] == events[3] and again.count(events[3]) < 3) else 204

        receiver.script = script
        asked = {"since": began - timedelta(seconds=60), "until": datetime.now(UTC) + timedelta(seconds=1)}
        await service.post(tenant, f"endpoints/{endpoint}/replay", {k: v.isoformat() for k, v in asked.items()})
        await service.delivered(tenant, endpoint, 16)
        for k in (0, 1):
            came = [each for each in receiver.events[before:] if each in events[k::2]]
            assert list(dict.fromkeys(came)) == events[k::2]
            assert came == sorted(came, key=events.index)


async def test_what_has_arrived_or_is_an_ordinary_dead_letter_is_not_skipped(
    kafka_bootstrap: str, mongo_uri: str, receiver: Receiver
) -> None:
    async with running(kafka_bootstrap, mongo_uri) as service:
        tenant = new_id("t")
        endpoint = await service.subscribe(tenant, receiver.url, order=SKIP, retry_schedule=[0.0])
        await service.publish(tenant, "a.b", {}, subject="s")
        (arrived,) = await service.delivered(tenant, endpoint, 1)
        receiver.script = lambda _: 500
        await service.publish(tenant, "a.b", {}, subject="s")

        path = f"/internal/tenants/{tenant}/deliveries"
        query: QueryValues = {"status": "dead_lettered"}
        page = await until(lambda: service.client.get(path, dict[str, Any], query=query), lambda page: page["data"])
        (dead,) = page["data"]
        for delivery, words in ((arrived, "has arrived"), (dead, "a dead letter already")):
            with pytest.raises(Problem, match=words) as refused:
                await service.post(tenant, f"deliveries/{delivery['id']}/skip")
            assert (refused.value.status, refused.value.code) == (409, "nothing_to_skip")
        with pytest.raises(Problem) as refused:
            await service.post(new_id("t"), f"deliveries/{dead['id']}/skip")
        assert refused.value.status == 404
