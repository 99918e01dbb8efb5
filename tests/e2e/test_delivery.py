"""A published event reaches whoever subscribed, signed, and every match ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_client import Client, NewEvent, NotFound, Profile, verify


async def test_a_delivery_verifies_with_the_reference_library(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["student.*"])
        data = {"student_id": "1", "name": "Ana & Łukasz", "email": "ana@example.org"}
        event_id = await client.events.publish("student.created", data)
        await client.events.publish("course.created", {"not": "for this endpoint"})
        (request,) = await receiver.until(1)
        Webhook(endpoint.secret).verify(request.body, request.headers)
        assert request.headers["webhook-id"] == event_id
        assert request.event == {
            "id": event_id,
            "event": "student.created",
            "timestamp": request.event["timestamp"],
            "data": data,
        }
        assert (await settled(endpoint, 1)).delivered == 1


async def test_the_older_profile_is_keyed_with_the_whole_secret(client: Client) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"], signature_profiles=["skillpassport"])
        await client.events.publish("payment.completed", {"payment_id": "p", "amount": 1, "student_id": "s"})
        (request,) = await receiver.until(1)
        verify(request.headers, request.body, endpoint.secret, profile=Profile.SKILLPASSPORT)


async def test_every_attempt_has_the_same_id_and_bytes_and_a_new_signature(client: Client, settled: Settled) -> None:
    async with receiving(lambda n: 500 if n < 2 else 200) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        event_id = await client.events.publish("note.uploaded", {"n": 1})
        requests = await receiver.until(3)
        assert {request.headers["webhook-id"] for request in requests} == {event_id}
        assert len({request.body for request in requests}) == 1
        for request in requests:
            Webhook(endpoint.secret).verify(request.body, request.headers)
        assert (await settled(endpoint, 1)).delivered == 1
        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        attempts = await client.deliveries.attempts(delivery.id)
        assert [attempt.status_code for attempt in attempts] == [500, 500, 200]


async def test_what_fails_to_the_end_is_kept_and_can_be_sent_again(client: Client, settled: Settled) -> None:
    async with receiving(503) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        event_id = await client.events.publish("grade.published", {"n": 1})
        ledger = await settled(endpoint, 1)
        assert (ledger.delivered, ledger.dead_lettered) == (0, 1)
        assert len(receiver.requests) == 4
        receiver.script = lambda _: 200
        assert (await client.endpoints.redeliver(endpoint.id)).redelivered == 1
        await receiver.until(5)
        assert receiver.events == [event_id] * 5
        ledger = await settled(endpoint, 1)
        assert (ledger.matched, ledger.delivered, ledger.dead_lettered) == (1, 1, 0)


async def test_410_disables_the_endpoint_and_what_it_ended_can_be_sent_again(client: Client, settled: Settled) -> None:
    async with receiving(410) as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        await client.events.publish("settings.updated", {"n": 1})
        ledger = await settled(endpoint, 1)
        assert ledger.dead_lettered == 1
        async with asyncio.timeout(20):
            while (await client.endpoints.get(endpoint.id)).enabled:
                await asyncio.sleep(0.1)
        await client.events.publish("settings.updated", {"n": 2})
        receiver.script = lambda _: 200
        await client.endpoints.enable(endpoint.id)
        assert (await client.endpoints.redeliver(endpoint.id)).redelivered == 1
        ledger = await settled(endpoint, 1)
        assert (ledger.matched, ledger.delivered) == (1, 1), "what was published meanwhile is not matched"


async def test_retry_after_is_waited_for(client: Client) -> None:
    def busy_at_first(n: int) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "2"}) if n == 0 else web.Response()

    async with receiving(busy_at_first) as receiver:
        await client.endpoints.create(receiver.url, ["*"])
        await client.events.publish("test.reminder", {})
        first, second = await receiver.until(2)
        assert second.at - first.at >= 2.0


async def test_a_receiver_that_hangs_delays_nobody_else(client: Client, settled: Settled) -> None:
    async with receiving() as hanging, receiving() as healthy:
        hanging.open.clear()
        slow = await client.endpoints.create(hanging.url, ["module.*"])
        quick = await client.endpoints.create(healthy.url, ["module.*"])
        await client.events.publish_batch([NewEvent(type="module.updated", data={"n": n}) for n in range(200)])
        await healthy.until(200)
        assert len(hanging.requests) < 200
        assert (await settled(quick, 200)).delivered == 200
        hanging.open.set()
        assert (await settled(slow, 200)).delivered == 200
        assert set(hanging.events) == set(healthy.events)


async def test_a_redirect_is_a_failure_and_is_not_followed(client: Client, settled: Settled) -> None:
    async with receiving() as inside:
        away = web.HTTPFound(inside.url)

        def redirect(_: int) -> web.Response:
            return web.Response(status=302, headers=away.headers)

        async with receiving(redirect) as receiver:
            endpoint = await client.endpoints.create(receiver.url, ["*"])
            await client.events.publish("user.login", {})
            assert (await settled(endpoint, 1)).dead_lettered == 1
        assert inside.requests == []


async def test_an_id_that_was_published_before_is_not_delivered_again(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        for _ in range(3):
            await client.events.publish("custom.event", {"n": 1}, id="the-same-id", subject="one")
        await client.events.publish("custom.event", {"n": 2}, id="another-id", subject="one")
        await receiver.until(2)
        assert receiver.events == ["the-same-id", "another-id"]
        assert (await settled(endpoint, 2)).matched == 2


async def test_a_replay_brings_what_was_before_the_endpoint(client: Client, settled: Settled) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    async with receiving() as earlier, receiving() as later:
        first = await client.endpoints.create(earlier.url, ["lecturer.assigned"])
        ids = [await client.events.publish("lecturer.assigned", {"n": n}) for n in range(5)]
        await settled(first, 5)
        second = await client.endpoints.create(later.url, ["lecturer.*"])
        await client.endpoints.replay(second.id, since=since, until=datetime.now(UTC) + timedelta(seconds=1))
        await later.until(5)
        assert sorted(later.events) == sorted(ids)
        assert {request.body for request in later.requests} == {request.body for request in earlier.requests}
        assert (await settled(second, 5)).delivered == 5


async def test_an_event_tells_where_it_went(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["timetable.created"])
        event_id = await client.events.publish("timetable.created", {"exam": "Maths"}, subject="exam-1")
        await settled(endpoint, 1)
        event = await client.events.get(event_id)
        assert event.data == {"exam": "Maths"}
        assert [(each.endpoint_id, each.status) for each in event.deliveries if each.endpoint_id == endpoint.id] == [
            (endpoint.id, "delivered")
        ]
        assert event_id in [each.id for each in (await client.events.page(type="timetable.created")).data]


async def test_a_test_event_comes_to_this_endpoint_alone(client: Client) -> None:
    async with receiving() as receiver, receiving() as other:
        endpoint = await client.endpoints.create(receiver.url, ["student.created"])
        await client.endpoints.create(other.url, ["*"])
        await client.endpoints.test(endpoint.id)
        (request,) = await receiver.until(1)
        Webhook(endpoint.secret).verify(request.body, request.headers)
        assert other.requests == []


async def test_a_change_of_the_address_holds_for_the_next_attempt(client: Client, settled: Settled) -> None:
    async with receiving(500) as former, receiving() as present:
        endpoint = await client.endpoints.create(former.url, ["*"], retry_schedule=[0, 1.5, 1.5, 1.5])
        await client.events.publish("system.error", {})
        await former.until(1)
        await client.endpoints.change(endpoint.id, url=present.url)
        await present.until(1)
        assert (await settled(endpoint, 1)).delivered == 1


async def test_a_tenant_finds_nothing_of_another(client: Client, other_client: Client, settled: Settled) -> None:
    async with receiving() as receiver, receiving() as foreign:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        await other_client.endpoints.create(foreign.url, ["*"])
        event_id = await client.events.publish("student.enrolled", {"student_id": "s", "course_id": "c"})
        await settled(endpoint, 1)
        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        assert foreign.requests == []
        with pytest.raises(NotFound):
            await other_client.events.get(event_id)
        with pytest.raises(NotFound):
            await other_client.deliveries.get(delivery.id)
        with pytest.raises(NotFound):
            await other_client.endpoints.ledger(endpoint.id)
        assert event_id not in [each.id for each in (await other_client.events.page()).data]
