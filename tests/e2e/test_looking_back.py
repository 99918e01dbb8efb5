"""What came of events can be looked for, looked at, and made again, for as long as it is kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay.events.catalogue import EVENT_TYPES
from edurelay.events.topics import EVENTS
from edurelay_cli.stack import LocalStack
from edurelay_client import ApiError, Client, InvalidRequest, NotFound


async def empty_the_log(stack: LocalStack) -> None:
    """Let Kafka delete every event that it has, as it does when their time is over."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    try:
        every = {TopicPartition(EVENTS.name, partition): RecordsToDelete(-1) for partition in range(EVENTS.partitions)}
        await admin.delete_records(every)
    finally:
        await admin.close()


async def test_an_attempt_tells_what_was_sent_what_came_back_and_where_the_time_went(
    client: Client, settled: Settled
) -> None:
    def answer(n: int) -> web.Response:
        headers = {"X-Request": f"req-{n}", "Set-Cookie": "session=canary"}
        return web.Response(status=503 if n == 0 else 200, text="busy" if n == 0 else "thanks", headers=headers)

    async with receiving(answer) as receiver:
        own = {"Authorization": "Bearer canary", "X-Team": "canary"}
        endpoint = await client.endpoints.create(receiver.url, ["*"], headers=own)
        await client.events.publish("note.uploaded", {"n": 1}, subject="note-1")
        await settled(endpoint, 1)
        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        failed, arrived = await client.deliveries.attempts(delivery.id)
        assert (failed.response_excerpt, arrived.response_excerpt) == ("busy", "thanks")
        for attempt, request in zip((failed, arrived), receiver.requests, strict=True):
            shown = {name.lower(): value for name, value in attempt.request_headers.items()}
            assert (shown.pop("authorization"), shown.pop("x-team")) == ("***", "***")
            assert shown == {name: request.headers[name] for name in shown}
            assert {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"} <= shown.keys()
            assert attempt.response_headers["set-cookie"] == "***"
            spent = [phase for phase in attempt.timing_ms.model_dump().values() if phase is not None]
            assert sum(spent) == pytest.approx(attempt.duration_ms, rel=0.5, abs=5)
        assert (failed.response_headers["x-request"], arrived.response_headers["x-request"]) == ("req-0", "req-1")
        assert (failed.connection_reused, failed.timing_ms.connect is not None) == (False, True)
        assert failed.timing_ms.tls is None
        assert (arrived.connection_reused, arrived.timing_ms.connect) == (True, None)
        assert "canary" not in str([failed, arrived])


async def test_an_attempt_without_an_answer_tells_what_it_came_to(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        receiver.open.clear()
        endpoint = await client.endpoints.create(receiver.url, ["*"], retry_schedule=[0])
        await client.events.publish("note.uploaded", {"n": 1})
        await settled(endpoint, 1)
        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        (attempt,) = await client.deliveries.attempts(delivery.id)
        assert (attempt.status_code, attempt.outcome) == (None, "failed")
        assert attempt.timing_ms.wait is not None
        assert attempt.timing_ms.wait > 2000, "it had three seconds"
        assert attempt.timing_ms.read is None


async def test_deliveries_and_events_are_found_by_what_is_known_of_them(client: Client, settled: Settled) -> None:
    async with receiving() as receiver, receiving(500) as failing:
        good = await client.endpoints.create(receiver.url, ["*"])
        bad = await client.endpoints.create(failing.url, ["course.*"])
        early = [await client.events.publish("student.created.late", {"n": n}, subject="s-1") for n in range(3)]
        await settled(good, 3)
        await asyncio.sleep(0.05)  # The log counts milliseconds.
        between = datetime.now(UTC)
        late = [await client.events.publish("course.updated", {"n": n}, subject=f"c-{n}") for n in range(3)]
        await settled(good, 6)
        await settled(bad, 3)

        async def events(**wanted: object) -> set[str]:
            return {each.event_id async for each in client.deliveries.every(**wanted)}  # type: ignore[arg-type]

        assert await events() == {*early, *late}
        assert await events(type="student.*") == await events(until=between) == set(early)
        assert await events(endpoint=good.id, since=between) == await events(endpoint=bad.id) == set(late)
        assert await events(status="dead_lettered", subject="c-1") == {late[1]}
        assert await events(status="dead_lettered", until=between) == set()
        assert await events(event=late[0], status="delivered") == {late[0]}
        assert await events(event=late[0], type="student.*") == set()
        found = {each.id async for each in client.events.every(type="course.*", since=between)}
        assert found == set(late)
        assert {each.id async for each in client.events.every(subject="s-1", until=between)} == set(early)
        first = await client.deliveries.page(event=late[0], limit=1)
        second = await client.deliveries.page(event=late[0], limit=1, cursor=first.next_cursor)
        assert {each.endpoint_id for each in (*first.data, *second.data)} == {good.id, bad.id}
        assert second.next_cursor is None


async def test_what_is_chosen_is_delivered_again_and_can_be_followed(
    client: Client, other_client: Client, settled: Settled
) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        ids = [await client.events.publish(f"{kind}.updated", {"n": 1}) for kind in ("module", "course", "module")]
        await settled(endpoint, 3)
        told = await client.endpoints.redeliver(endpoint.id, status="delivered", event_types=["module.*"])
        await receiver.until(5)
        assert sorted(receiver.events[3:]) == sorted([ids[0], ids[2]])
        by_event = {request.event["id"]: request.body for request in receiver.requests[:3]}
        assert all(by_event[request.event["id"]] == request.body for request in receiver.requests[3:])
        ledger = await settled(endpoint, 3)
        assert (ledger.matched, ledger.delivered) == (3, 3)
        followed = await client.endpoints.redelivery(endpoint.id, told.redelivery_id)
        assert (followed.completed, followed.redelivered, followed.skipped) == (True, 2, 0)
        with pytest.raises(NotFound):
            await other_client.endpoints.redelivery(endpoint.id, told.redelivery_id)


async def test_a_replay_to_a_new_endpoint_is_found_with_its_event(client: Client, settled: Settled) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    async with receiving() as earlier, receiving() as later:
        first = await client.endpoints.create(earlier.url, ["*"])
        event_id = await client.events.publish("module.created", {"n": 1}, id="chosen", subject="m")
        await settled(first, 1)
        second = await client.endpoints.create(later.url, ["*"])
        await client.endpoints.replay(second.id, since=since, until=datetime.now(UTC) + timedelta(seconds=1))
        (request,) = await later.until(1)
        assert (request.body, request.headers["webhook-id"]) == (earlier.requests[0].body, event_id)
        await settled(second, 1)
        found = {each.endpoint_id: each.status for each in (await client.events.get(event_id)).deliveries}
        assert found == {first.id: "delivered", second.id: "delivered"}
        assert len((await client.deliveries.page(event=event_id, endpoint=second.id)).data) == 1


async def test_what_the_log_no_longer_has_is_said_so_and_dead_letters_keep_their_bytes(
    stack: LocalStack, client: Client, settled: Settled
) -> None:
    async with receiving() as receiver, receiving(500) as failing:
        good = await client.endpoints.create(receiver.url, ["*"])
        bad = await client.endpoints.create(failing.url, ["*"])
        event_id = await client.events.publish("grade.published", {"n": 1})
        await settled(good, 1)
        await settled(bad, 1)
        assert (await client.events.get(event_id)).data == {"n": 1}
        await empty_the_log(stack)

        event = await client.events.get(event_id)
        assert (event.data, event.data_available, len(event.deliveries)) == (None, False, 2)
        (delivered,) = (await client.deliveries.page(endpoint=good.id)).data
        with pytest.raises(ApiError) as caught:
            await client.deliveries.redeliver(delivered.id)
        assert (caught.value.status, caught.value.code) == (410, "payload_gone")
        told = await client.endpoints.redeliver(good.id, status="delivered")
        assert (told.redelivered, told.skipped) == (0, 1)

        failing.script = lambda _: 200
        attempts = len(failing.requests)
        assert (await client.endpoints.redeliver(bad.id)).redelivered == 1
        await failing.until(attempts + 1)
        assert failing.requests[-1].body == receiver.requests[0].body
        assert (await settled(bad, 1)).delivered == 1


async def test_a_test_event_of_any_type_looks_like_one(client: Client) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["student.created"])
        await client.endpoints.test(endpoint.id, event_type="enrollment.created")
        (request,) = await receiver.until(1)
        assert request.event["event"] == "enrollment.created"
        EVENT_TYPES["enrollment.created"].data.model_validate(request.event["data"])
        with pytest.raises(InvalidRequest):
            await client.endpoints.test(endpoint.id, event_type="enrollment.lost")
