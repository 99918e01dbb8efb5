"""Events for services inside: what was not handled comes again, whoever dies when, and each subject keeps its order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from edurelay.events.domain import DomainEvent
from edurelay.events.envelope import Event, Message
from edurelay.events.ids import new_id
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.events import GROUP_PREFIX, EventConsumer
from edurelay.kafka.producer import Producer
from integration.kafka.conftest import NewTopic
from integration.kafka.recording import SECONDS, committed, eventually


def event(n: int, *, subject: str = "s", tenant: str = "t", kind: str = "student.created") -> Event:
    moment = "2026-01-15T10:30:00.000Z"
    return Event(f"evt_{n:04}", kind, "/test", tenant, moment, b'{"n":%d}' % n, subject, "00-" + "a" * 32 + "-b-01")


def messages(topic: Topic, events: Iterable[Event]) -> list[Message]:
    return [Message(topic.name, each.key, each.data, each.headers()) for each in events]


@pytest.fixture
async def topic(new_topic: NewTopic) -> Topic:
    return await new_topic(3, Cleanup.DELETE)


async def take(events: EventConsumer, count: int) -> list[DomainEvent]:
    """Handle so many events."""
    taken = []
    async with asyncio.timeout(SECONDS):
        async for each in events:
            taken.append(each)
            if len(taken) == count:
                break
    return taken


async def test_events_come_typed_and_only_those_that_are_wanted(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    unwanted = [event(1, tenant="other"), event(2, kind="course.created"), event(3, kind="student")]
    await producer.send_all(messages(topic, [*unwanted, event(4)]))
    group = new_id("group")
    async with EventConsumer(
        kafka_bootstrap, group=group, types=["student.*", "grade.*"], tenants={"t"}, topic=topic
    ) as events:
        (found,) = await take(events, 1)
    assert found == DomainEvent(
        "evt_0004", "student.created", "/test", "t", "s", datetime(2026, 1, 15, 10, 30, tzinfo=UTC), {"n": 4},
        "00-" + "a" * 32 + "-b-01",
    )  # fmt: skip
    assert sum(each or 0 for each in await committed(kafka_bootstrap, GROUP_PREFIX + group, topic)) == 4


async def test_what_was_handled_before_an_error_is_committed_and_the_rest_comes_again(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    await producer.send_all(messages(topic, map(event, range(5))))
    group = new_id("group")
    handled = []

    async def serve() -> None:
        async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events, asyncio.timeout(SECONDS):
            async for each in events:
                if each.id == "evt_0002":
                    raise RuntimeError("the table is locked")
                handled.append(each.id)

    with pytest.raises(RuntimeError, match="the table is locked"):
        await serve()
    async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
        again = [each.id for each in await take(events, 3)]
    assert (handled, again) == (["evt_0000", "evt_0001"], ["evt_0002", "evt_0003", "evt_0004"])


async def test_what_is_being_handled_at_a_cancellation_comes_again(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    await producer.send_all(messages(topic, map(event, range(3))))
    group = new_id("group")
    begun: list[str] = []

    async def serve() -> None:
        async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
            async for each in events:
                begun.append(each.id)
                if len(begun) == 2:
                    await asyncio.Event().wait()

    serving = asyncio.create_task(serve())
    await eventually(lambda: len(begun) == 2)
    serving.cancel()
    await asyncio.wait({serving})
    assert serving.cancelled()
    async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
        assert [each.id for each in await take(events, 2)] == ["evt_0001", "evt_0002"]


CHILD = """
import asyncio, sys
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.events import EventConsumer
from edurelay.runtime.logging import configure_logging

configure_logging("child", "ERROR")

async def main(bootstrap, group, name, partitions):
    topic = Topic(name, int(partitions), Cleanup.DELETE, "any", "any")
    async with EventConsumer(bootstrap, group=group, topic=topic, instance="one") as events:
        async for event in events:
            print(event.id, flush=True)
            await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_kill_between_the_handling_and_the_commit_loses_nothing(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    await producer.send_all(messages(topic, (event(n, subject=f"s{n % 7}") for n in range(60))))
    group = new_id("group")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, kafka_bootstrap, group, topic.name, str(topic.partitions)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    handled = []
    async with asyncio.timeout(SECONDS):
        for _ in range(10):
            handled.append((await child.stdout.readline()).decode().strip())
            if len(handled) < 10:
                child.stdin.write(b"next\n")
        while sum(each or 0 for each in await committed(kafka_bootstrap, GROUP_PREFIX + group, topic)) != 9:
            assert child.returncode is None
    child.send_signal(signal.SIGKILL)
    await child.wait()
    everything = {f"evt_{n:04}" for n in range(60)}
    again: list[str] = []
    async with (
        asyncio.timeout(SECONDS),
        EventConsumer(kafka_bootstrap, group=group, topic=topic, instance="one") as events,
    ):
        async for each in events:
            again.append(each.id)
            if everything <= {*handled[:-1], *again}:
                break
    assert handled[-1] in again, "what was being handled at the kill comes again"


async def test_the_events_of_a_subject_keep_their_order_and_what_is_read_ahead_is_bounded(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    await producer.send_all(messages(topic, (event(n, subject=f"s{n % 11}") for n in range(400))))
    by_subject: defaultdict[str | None, list[str]] = defaultdict(list)
    most = 0
    async with (
        asyncio.timeout(SECONDS),
        EventConsumer(kafka_bootstrap, group=new_id("group"), topic=topic, prefetch=8) as events,
    ):
        for _ in range(400):
            each = await anext(events)
            by_subject[each.subject].append(each.id)
            await asyncio.sleep(0)
            most = max(most, len(events._waiting))
    assert sum(map(len, by_subject.values())) == 400
    assert all(ids == sorted(ids) for ids in by_subject.values())
    assert most <= 8 * topic.partitions


async def test_what_holds_no_event_is_passed_over(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic = await new_topic(1, Cleanup.DELETE)
    good = event(1)
    torn = [(name, b"soon" if name == "ce_time" else text) for name, text in good.headers()]
    await producer.send_all(
        [
            Message(topic.name, b"k", b"{}", []),
            Message(topic.name, b"k", b"{", good.headers()),
            Message(topic.name, b"k", b"{}", torn),
            *messages(topic, [good]),
        ]
    )
    group = new_id("group")
    async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
        assert [each.id for each in await take(events, 1)] == ["evt_0001"]
    assert await committed(kafka_bootstrap, GROUP_PREFIX + group, topic) == [4]


async def test_a_stop_ends_the_iteration_behind_the_event_under_way(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    await producer.send_all(messages(topic, map(event, range(3))))
    group = new_id("group")
    handled = []
    async with asyncio.timeout(SECONDS), EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
        async for each in events:
            events.stop()
            handled.append(each.id)
    async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
        handled += [each.id for each in await take(events, 2)]
        waiting = asyncio.create_task(anext(events, None))
        await asyncio.sleep(0)
        events.stop()
        async with asyncio.timeout(SECONDS):
            assert await waiting is None
    assert handled == ["evt_0000", "evt_0001", "evt_0002"]


async def test_members_share_the_partitions_and_together_handle_everything(
    kafka_bootstrap: str, producer: Producer, topic: Topic
) -> None:
    group = new_id("group")
    handled: defaultdict[str, list[str]] = defaultdict(list)

    async def serve(name: str) -> None:
        async with EventConsumer(kafka_bootstrap, group=group, topic=topic) as events:
            async for each in events:
                handled[name].append(each.id)

    members = [asyncio.create_task(serve("first"))]
    try:
        await producer.send_all(messages(topic, (event(n, subject=f"s{n}") for n in range(100))))
        await eventually(lambda: len(handled["first"]) >= 50)
        members.append(asyncio.create_task(serve("second")))
        sent = 100
        async with asyncio.timeout(SECONDS):
            while not handled["second"]:
                await producer.send_all(messages(topic, (event(n, subject=f"s{n}") for n in range(sent, sent + 10))))
                sent += 10
                await asyncio.sleep(0.05)
        everything = {f"evt_{n:04}" for n in range(sent)}
        await eventually(lambda: {*handled["first"], *handled["second"]} == everything)
    finally:
        for member in members:
            member.cancel()
        await asyncio.wait(members)


async def test_a_single_text_is_no_collection_of_patterns(kafka_bootstrap: str) -> None:
    with pytest.raises(TypeError):
        EventConsumer(kafka_bootstrap, group="g", types="student.*")
