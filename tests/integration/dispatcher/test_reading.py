"""An endpoint without a URL: nothing is sent, everything is numbered, and its reader says how far it is."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.receivers import receiving
from edurelay.events.ids import new_id
from edurelay.web.internal import QueryValues
from edurelay.web.problems import Problem
from integration.dispatcher.service import EVERYTHING, Service
from integration.gateway.world import until


async def page(service: Service, tenant: str, endpoint: str, **query: Any) -> dict[str, Any]:
    """Read a part of a stream."""
    asked: QueryValues = query
    path = f"/internal/tenants/{tenant}/endpoints/{endpoint}/events"
    return await service.client.get(path, dict[str, Any], query=asked)


async def stream_of(service: Service, tenant: str, endpoint: str, count: int) -> list[dict[str, Any]]:
    """Return a whole stream, once it is so long."""
    found = await until(lambda: page(service, tenant, endpoint, after=0), lambda page: len(page["data"]) >= count)
    assert [each["sequence"] for each in found["data"]] == list(range(1, count + 1))
    return list(found["data"])


async def commit(service: Service, tenant: str, endpoint: str, after: int) -> dict[str, Any]:
    found: dict[str, Any] = await service.post(tenant, f"endpoints/{endpoint}/events/commit", {"after": after})
    return found


def ledger(delivered: int, pending: int) -> dict[str, int]:
    return {"matched": delivered + pending, "delivered": delivered, "pending": pending, "dead_lettered": 0}


async def test_what_it_matches_is_numbered_and_there_is_no_delivery(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(tenant, None, event_types=["note.*"])
    ids = [await service.publish(tenant, "note.uploaded", {"n": n}, subject="s") for n in range(5)]
    await service.publish(tenant, "grade.updated", {})
    found = await stream_of(service, tenant, endpoint, 5)
    assert [each["event_id"] for each in found] == ids
    assert [each["event"]["data"] for each in found] == [{"n": n} for n in range(5)]
    assert {(each["event_type"], each["delivery_id"]) for each in found} == {("note.uploaded", None)}
    query: QueryValues = {"endpoint": endpoint}
    listed = await service.client.get(f"/internal/tenants/{tenant}/deliveries", dict[str, Any], query=query)
    assert listed["data"] == []
    assert await service.ledger(tenant, endpoint) == ledger(0, 5)


async def test_a_commit_moves_the_ledger_and_where_it_is_read_on(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(tenant, None)
    for n in range(5):
        await service.publish(tenant, "note.uploaded", {"n": n}, subject="s")
    await stream_of(service, tenant, endpoint, 5)
    assert await commit(service, tenant, endpoint, 3) == {"committed": 3, "before": 0}
    assert await service.ledger(tenant, endpoint) == ledger(3, 2)
    found = await page(service, tenant, endpoint)
    assert (found["after"], found["committed"]) == (3, 3)
    assert [each["sequence"] for each in found["data"]] == [4, 5]
    assert (await page(service, tenant, endpoint, after=1, limit=1))["data"][0]["sequence"] == 2
    assert await commit(service, tenant, endpoint, 1) == {"committed": 1, "before": 3}
    assert await service.ledger(tenant, endpoint) == ledger(1, 4)
    with pytest.raises(Problem) as refused:
        await commit(service, tenant, endpoint, 6)
    assert (refused.value.status, refused.value.field) == (422, "after")
    assert await commit(service, tenant, endpoint, 5) == {"committed": 5, "before": 1}


async def test_an_endpoint_that_is_sent_to_can_be_read_beside_and_its_ledger_knows_nothing_of_it(
    service: Service, tenant: str
) -> None:
    async with receiving() as receiver:
        endpoint = await service.subscribe(tenant, receiver.url)
        await service.publish(tenant, "note.uploaded", {"n": 1})
        await service.delivered(tenant, endpoint, 1)
        before = await service.ledger(tenant, endpoint)
        assert await commit(service, tenant, endpoint, 1) == {"committed": 1, "before": 0}
        assert await commit(service, tenant, endpoint, 0) == {"committed": 0, "before": 1}
        assert await service.ledger(tenant, endpoint) == before
        (read,) = await stream_of(service, tenant, endpoint, 1)
        assert read["event"] == receiver.requests[0].event
        assert read["delivery_id"] is not None


async def test_a_test_event_goes_into_the_stream_and_a_redelivery_is_refused(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(tenant, None)
    told = await service.post(tenant, f"endpoints/{endpoint}/test", {"event_type": "note.uploaded", "data": {"n": 7}})
    assert (told["sequence"], told["status"], told["next_attempt_at"]) == (1, "pending", None)
    (read,) = await stream_of(service, tenant, endpoint, 1)
    assert (read["event_id"], read["event_type"]) == (told["event_id"], "note.uploaded")
    assert read["event"]["data"] == {"n": 7}
    with pytest.raises(Problem) as refused:
        await service.post(tenant, f"endpoints/{endpoint}/redeliver")
    assert (refused.value.status, refused.value.code) == (409, "endpoint_without_url")
    with pytest.raises(Problem) as missing:
        await service.post(tenant, f"deliveries/{told['id']}/redeliver")
    assert missing.value.status == 404


async def test_a_replay_gives_numbers_again(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(tenant, None)
    ids = [await service.publish(tenant, "note.uploaded", {"n": n}, subject="s") for n in range(4)]
    await stream_of(service, tenant, endpoint, 4)
    await service.post(tenant, f"endpoints/{endpoint}/replay", {**EVERYTHING, "event_types": []})
    found = await stream_of(service, tenant, endpoint, 8)
    assert [each["event_id"] for each in found] == [*ids, *ids]
    assert await service.ledger(tenant, endpoint) == ledger(0, 8)


async def test_what_it_may_see_is_what_it_reads(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(
        tenant, None, fields=["a"], condition="data.a > 1", body_format="cloudevents", event_types=["note.*"]
    )
    for n in (1, 2, 3):
        await service.publish(tenant, "note.uploaded", {"a": n, "b": n}, subject="s")
    found = await stream_of(service, tenant, endpoint, 2)
    assert [each["event"]["data"] for each in found] == [{"a": 2}, {"a": 3}]
    assert found[0]["event"]["specversion"] == "1.0"


async def test_a_stream_is_its_tenants_own(service: Service, tenant: str) -> None:
    endpoint = await service.subscribe(tenant, None)
    for told in (page(service, new_id("tenant"), endpoint), commit(service, new_id("tenant"), endpoint, 0)):
        with pytest.raises(Problem) as refused:
            await told
        assert refused.value.status == 404
