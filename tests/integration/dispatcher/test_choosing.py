"""What an endpoint gets, and how much of it, through a whole dispatcher."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.receivers import Receiver, receiving
from edurelay.web.problems import Problem
from integration.dispatcher.service import EVERYTHING, Service
from integration.gateway.world import until

COSTLY = "data.l.all(x, data.l.all(y, data.s.contains('ab') == false))"
GRADE = {"grade_id": "g1", "score": 2, "attributes": {"student_id": "s1", "course_id": "c1", "email": "a@b"}}


async def data_of(receiver: Receiver, count: int) -> list[Any]:
    """Return the data of what came, once there is so much."""
    return [each.event["data"] for each in await receiver.until(count)]


async def test_an_event_goes_to_those_whose_condition_holds_and_a_failing_one_hurts_nobody(
    service: Service, tenant: str
) -> None:
    async with receiving() as every, receiving() as passed, receiving() as failing:
        all_of_them = await service.subscribe(tenant, every.url)
        chosen = await service.subscribe(tenant, passed.url, condition="data.score >= 3.0", event_types=["grade.*"])
        none = await service.subscribe(tenant, failing.url, condition="data.points >= 3.0")
        for score in (2.5, 3.5, 1.0, 4.0):
            await service.publish(tenant, "grade.updated", {"score": score})
        await service.publish(tenant, "course.updated", {"score": 5.0})
        assert sorted(each["score"] for each in await data_of(every, 5)) == [1.0, 2.5, 3.5, 4.0, 5.0]
        assert sorted(each["score"] for each in await data_of(passed, 2)) == [3.5, 4.0]
        for endpoint, matched in ((all_of_them, 5), (chosen, 2), (none, 0)):
            await service.delivered(tenant, endpoint, matched)
            assert (await service.ledger(tenant, endpoint))["matched"] == matched
        assert failing.requests == []

        path = f"/internal/tenants/{tenant}/endpoints/{none}/condition-failures"

        async def words() -> list[Any]:
            return [body for _, each, body in service.neighbours.asked if each == path]

        told = await until(words, lambda told: sum(each["count"] for each in told) == 5)
        assert told[-1]["condition"] == "data.points >= 3.0"
        assert "points" in told[-1]["reason"]
        assert told[-1]["event_id"] in every.events


async def test_a_condition_that_would_take_for_ever_stops_nothing(service: Service, tenant: str) -> None:
    async with receiving() as receiver:
        heavy = await service.subscribe(tenant, receiver.url, condition=COSTLY)
        light = await service.subscribe(tenant, receiver.url, condition="data.n >= 0")
        large = {"l": list(range(90)), "s": "a" * 200_000}
        for n in range(6):
            await service.publish(tenant, "note.uploaded", {"n": n, **large})
        assert sorted(each["n"] for each in await data_of(receiver, 6)) == list(range(6))
        await service.delivered(tenant, light, 6)
        assert (await service.ledger(tenant, heavy))["matched"] == 0


async def test_each_receiver_gets_only_what_it_may_see_at_every_attempt(service: Service, tenant: str) -> None:
    async with receiving(lambda n: 500 if n < 2 else 200) as narrow, receiving() as thin:
        fields = ["score", "attributes.student_id"]
        listed = await service.subscribe(tenant, narrow.url, fields=fields, event_types=["grade.*"])
        await service.subscribe(tenant, thin.url, payload="thin", event_types=["grade.*"])
        event_id = await service.publish(tenant, "grade.updated", GRADE, subject="g1")
        requests = await narrow.until(3)
        assert {each.body for each in requests} == {requests[0].body}
        assert requests[0].event["data"] == {"score": 2, "attributes": {"student_id": "s1"}}
        [request] = await thin.until(1)
        assert request.event == {
            "id": event_id,
            "event": "grade.updated",
            "timestamp": request.event["timestamp"],
            "subject": "g1",
            "data": {"grade_id": "g1", "attributes": {"student_id": "s1", "course_id": "c1"}},
        }
        await service.post(tenant, f"endpoints/{listed}/test", {"event_type": "endpoint.test"})
        assert (await data_of(narrow, 4))[3] == {}


async def test_what_is_delivered_again_is_what_may_be_seen_by_then(service: Service, tenant: str) -> None:
    async with receiving() as receiver:
        endpoint = await service.subscribe(tenant, receiver.url, event_types=["grade.*"], fields=["score"])
        low = await service.publish(tenant, "grade.updated", GRADE)
        await service.publish(tenant, "grade.updated", {**GRADE, "score": 9})
        deliveries = await service.delivered(tenant, endpoint, 2)
        await service.subscribe(
            tenant,
            receiver.url,
            endpoint_id=endpoint,
            event_types=["grade.*", "is.known"],
            fields=["grade_id", "message"],
            condition="data.score < 5",
        )

        async def tested() -> Any:
            seen = len(receiver.requests)
            await service.post(tenant, f"endpoints/{endpoint}/test", {"event_type": "is.known"})
            return (await data_of(receiver, seen + 1))[seen]

        await until(tested, bool)
        seen = len(receiver.requests)
        for delivery in deliveries:
            await service.post(tenant, f"deliveries/{delivery['id']}/redeliver")
        assert (await data_of(receiver, seen + 2))[seen:] == [{"grade_id": "g1"}] * 2
        await service.post(tenant, f"endpoints/{endpoint}/replay", EVERYTHING)
        assert (await data_of(receiver, seen + 3))[seen + 2] == {"grade_id": "g1"}
        assert receiver.events[seen + 2] == low
        await service.delivered(tenant, endpoint, seen + 1)
        assert len(receiver.requests) == seen + 3, "the condition holds for replays as well"


async def test_nothing_is_put_together_for_an_endpoint_that_was_deleted(service: Service, tenant: str) -> None:
    async with receiving() as receiver:
        endpoint = await service.subscribe(tenant, receiver.url, fields=["score"])
        await service.publish(tenant, "grade.updated", GRADE)
        [delivery] = await service.delivered(tenant, endpoint, 1)
        await service.unsubscribe(tenant, endpoint)
        with pytest.raises(Problem, match="deleted") as refused:
            await service.post(tenant, f"deliveries/{delivery['id']}/redeliver")
        assert refused.value.code == "endpoint_deleted"


def ids_at(service: Service, tenant: str, *answer: str | None, status: int = 200) -> str:
    """Let the mapping service answer so; return the path of the question."""
    path = f"/internal/tenants/{tenant}/mappings/external-ids"
    service.neighbours.tell("POST", path, {"external_ids": answer}, status)
    return path


async def test_a_receiver_is_told_in_its_own_ids(service: Service, tenant: str) -> None:
    path = ids_at(service, tenant, "MAT-1", "77", "9")
    async with receiving(lambda n: 500 if n == 0 else 204) as receiver:
        endpoint = await service.subscribe(tenant, receiver.url, ids="con_1", event_types=["grade.*"])
        await service.publish(tenant, "grade.updated", GRADE)
        first, second = await receiver.until(2)
        assert first.body == second.body
        assert first.event["data"] == {
            "grade_id": "77",
            "score": 2,
            "attributes": {"student_id": "9", "course_id": "MAT-1", "email": "a@b"},
        }
        asked = service.neighbours.last("POST", path)
        assert asked["connection_id"] == "con_1"
        assert [each["internal_id"] for each in asked["ids"]] == ["c1", "g1", "s1"]
        [delivery] = await service.delivered(tenant, endpoint, 1)
        await service.post(tenant, f"deliveries/{delivery['id']}/redeliver")
        assert (await receiver.until(3))[2].body == first.body


async def test_while_ids_cannot_be_looked_up_the_delivery_waits_and_nobody_else_does(
    service: Service, tenant: str
) -> None:
    ids_at(service, tenant, status=500)
    async with receiving() as waiting, receiving() as other:
        foreign = await service.subscribe(tenant, waiting.url, ids="con_1", event_types=["student.*"])
        await service.subscribe(tenant, other.url, event_types=["student.*"])
        for _ in range(20):
            await service.publish(tenant, "student.updated", {"student_id": "s1"})
        await other.until(20)
        ledger = await until(lambda: service.ledger(tenant, foreign), lambda ledger: ledger["pending"] == 20)
        assert ledger["matched"] == 20
        assert waiting.requests == []
        ids_at(service, tenant, "9")
        assert await data_of(waiting, 20) == [{"student_id": "9"}] * 20
        assert [each["attempts"] for each in await service.delivered(tenant, foreign, 20)] == [1] * 20


async def test_an_id_that_the_connection_does_not_have_is_marked(service: Service, tenant: str) -> None:
    ids_at(service, tenant, None)
    async with receiving() as receiver:
        await service.subscribe(tenant, receiver.url, ids="con_1", payload="thin", event_types=["student.*"])
        await service.publish(tenant, "student.updated", {"student_id": "s1", "email": "a@b"})
        [data] = await data_of(receiver, 1)
        assert data == {
            "student_id": None,
            "missing_ids": [{"path": "data.student_id", "type": "student", "id": "s1"}],
        }


async def test_data_that_nobody_can_read_holds_nobody_up(service: Service, tenant: str) -> None:
    async with receiving() as receiver, receiving() as narrow:
        foreign = await service.subscribe(tenant, receiver.url, ids="con_1")
        listed = await service.subscribe(tenant, narrow.url, fields=["a"])
        conditional = await service.subscribe(tenant, narrow.url, condition="true")
        await service.publish(tenant, "broken.data", b'{"student_id":')
        await service.publish(tenant, "whole.data", {"a": 1})
        await service.delivered(tenant, foreign, 2)
        await service.delivered(tenant, listed, 2)
        await service.delivered(tenant, conditional, 1)
        # In whichever order: events without a subject may lie in different partitions.
        assert [each for each in receiver.requests if each.body.endswith(b'"data":{"student_id":}')] != []
