"""Nothing is lost, nothing is committed that is not finished, and keys keep their order, whoever comes and goes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaError

from edurelay.events.envelope import Message
from edurelay.events.ids import new_id
from edurelay.events.topics import COMMANDS, Cleanup, Topic
from edurelay.kafka.consumer import Assignment, AssignmentRefused, Batch, Consumer
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Received
from edurelay.kafka.keyed import KeyedHandler
from edurelay.kafka.producer import Producer
from edurelay.messages.base import MalformedMessage
from integration.kafka.conftest import NewTopic
from integration.kafka.recording import SECONDS, Recorder, committed, eventually, running


def numbered(topic: Topic, count: int, keys: int = 10, first: int = 0) -> list[Message]:
    return [Message(topic.name, b"k%d" % (n % keys), b"%06d" % n) for n in range(first, first + count)]


def values_by_key(received: Sequence[Received]) -> dict[bytes, list[bytes]]:
    values: dict[bytes, list[bytes]] = defaultdict(list)
    for each in received:
        values[each.key].append(each.value or b"")
    return values


async def test_every_message_is_handed_over_in_the_order_of_its_partition(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(3, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 900))
    handler = Recorder()
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=handler)) as consumer:
        await handler.until(lambda: len(handler.received) == 900)
        assert set(consumer.lag()) == {(topic.name, n) for n in range(3)}
    assert all(values == sorted(values) for values in values_by_key(handler.received).values())
    ends = [max(each.offset for each in handler.received if each.partition == n) + 1 for n in range(3)]
    assert await committed(kafka_bootstrap, group, topic) == ends


async def test_a_handler_learns_where_a_partition_begins_and_ends_before_its_first_batch(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(1, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 5))
    first, second = Recorder(), Recorder()
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=first)):
        await first.until(lambda: len(first.received) == 5)
    await producer.send_all(numbered(topic, 2))
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=second)):
        await second.until(lambda: len(second.received) == 2)
    assert first.assignments[0] == Assignment(topic.name, 0, 0, 5)
    assert second.assignments[0] == Assignment(topic.name, 0, 5, 7)
    assert second.revocations == [(topic.name, 0)]


async def test_messages_that_finish_out_of_order_are_committed_up_to_the_lowest_unfinished(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(1, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 10))

    async def all_but_the_fourth(batch: Batch) -> None:
        for message in reversed(batch.messages):
            if message.offset != 3:
                batch.done(message.offset)

    handler = Recorder(all_but_the_fourth)
    async with running(
        Consumer(kafka_bootstrap, group=group, topics=[topic], handler=handler, drain_seconds=0.3)
    ) as consumer:
        await handler.until(lambda: len(handler.received) == 10)
        assert consumer.lag() == {(topic.name, 0): 7}
    assert await committed(kafka_bootstrap, group, topic) == [3]


async def test_offsets_are_committed_while_the_consumer_runs(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(1, Cleanup.DELETE), new_id("group")
    handler = Recorder()
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=handler)) as consumer:
        await producer.send(Message(topic.name, b"k", b"v"))
        await eventually(lambda: handler.received != [] and consumer.lag() == {(topic.name, 0): 0})
        async with asyncio.timeout(SECONDS):
            while await committed(kafka_bootstrap, group, topic) != [1]:
                pass


async def test_one_consumer_goes_on_where_another_was_closed_in_the_middle(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(3, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 600))
    finished: set[bytes] = set()

    async def slowly(batch: Batch) -> None:
        for message in batch.messages:
            await asyncio.sleep(0.001)
            finished.add(message.value or b"")
            batch.done(message.offset)

    first, second = Recorder(slowly), Recorder()
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=first, max_records=50)):
        await first.until(lambda: len(first.received) >= 100)
    before = frozenset(finished)
    assert len(before) < 600
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=second)):
        await second.until(
            lambda: before | {each.value for each in second.received} == {b"%06d" % n for n in range(600)}
        )
    assert before.isdisjoint(each.value or b"" for each in second.received)


async def test_what_was_not_finished_at_the_close_comes_again(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(1, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 20))

    async def never(batch: Batch) -> None:
        await asyncio.Event().wait()

    first, second = Recorder(never), Recorder()
    loop = asyncio.get_running_loop()
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=first, drain_seconds=0.3)):
        await first.until(lambda: bool(first.received))
        closing = loop.time()
    assert loop.time() - closing < 30
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=second)):
        await second.until(lambda: len(second.received) == 20)


async def test_a_second_consumer_takes_its_share_and_gives_it_back_with_nothing_lost_or_out_of_order(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(4, Cleanup.DELETE), new_id("group")
    finished: list[Received] = []

    async def work(batch: Batch) -> None:
        for message in batch.messages:
            await asyncio.sleep(0.0005)
            finished.append(message)
            batch.done(message.offset)

    sent, enough = 0, asyncio.Event()

    async def send() -> None:
        nonlocal sent
        while not enough.is_set():
            await producer.send_all(numbered(topic, 50, keys=40, first=sent))
            sent += 50
            await asyncio.sleep(0.02)

    one, other = Recorder(work), Recorder(work)
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=one)):
        await one.until(lambda: one.held == {0, 1, 2, 3})
        sending = asyncio.create_task(send())
        async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=other)):
            await other.until(lambda: len(other.held) == 2)
            await other.until(lambda: len(other.received) > 100)
        await one.until(lambda: one.held == {0, 1, 2, 3})
        enough.set()
        await sending
        await eventually(lambda: len({each.value for each in finished}) >= sent)
    assert len(finished) == sent, "a rebalance without a crash repeats nothing"
    assert all(values == sorted(values) for values in values_by_key(finished).values())


async def test_no_more_than_the_allowed_messages_of_a_partition_are_unfinished(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(2, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 400))
    taken: dict[int, list[tuple[Batch, int]]] = defaultdict(list)
    most = 0

    async def keep(batch: Batch) -> None:
        nonlocal most
        taken[batch.partition].extend((batch, message.offset) for message in batch.messages)
        most = max(most, len(taken[batch.partition]))

    async def finish_some() -> None:
        while True:
            await asyncio.sleep(0.01)
            for unfinished in taken.values():
                for batch, offset in unfinished[:7]:
                    batch.done(offset)
                del unfinished[:7]

    handler = Recorder(keep)
    finishing = asyncio.create_task(finish_some())
    async with running(
        Consumer(kafka_bootstrap, group=group, topics=[topic], handler=handler, max_records=10, max_unfinished=40)
    ):
        await handler.until(lambda: len(handler.received) == 400)
    finishing.cancel()
    assert most <= 40
    assert len({(each.partition, each.offset) for each in handler.received}) == 400


async def test_a_partition_whose_handler_is_stuck_does_not_hold_up_the_others(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(2, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 400, keys=20))

    async def stuck_on_the_first(batch: Batch) -> None:
        if batch.partition == 0:
            await asyncio.Event().wait()
        batch.all_done()

    handler = Recorder(stuck_on_the_first)
    async with running(
        Consumer(
            kafka_bootstrap,
            group=group,
            topics=[topic],
            handler=handler,
            max_records=10,
            max_unfinished=20,
            drain_seconds=0.2,
        )
    ) as consumer:
        await handler.until(lambda: any(each.partition == 1 for each in handler.received))
        await eventually(lambda: consumer.lag()[topic.name, 1] == 0)
        assert consumer.lag()[topic.name, 0] > 0


async def test_a_batch_that_fails_is_handed_over_again_until_it_succeeds(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, group = await new_topic(1, Cleanup.DELETE), new_id("group")
    await producer.send_all(numbered(topic, 3))
    failures = 2

    async def fail_twice(batch: Batch) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("the store is away")
        batch.all_done()

    handler = Recorder(fail_twice)
    async with running(Consumer(kafka_bootstrap, group=group, topics=[topic], handler=handler)) as consumer:
        await handler.until(lambda: len(handler.received) == 9)
        await eventually(lambda: consumer.lag() == {(topic.name, 0): 0})


async def test_a_handler_that_refuses_its_partitions_stops_the_consumer(
    kafka_bootstrap: str, new_topic: NewTopic
) -> None:
    class Refusing(Recorder):
        async def assigned(self, assignments: Sequence[Assignment]) -> None:
            raise RuntimeError("this is another log")

    topic = await new_topic(1, Cleanup.DELETE)
    async with Consumer(kafka_bootstrap, group=new_id("group"), topics=[topic], handler=Refusing()) as consumer:
        with pytest.raises(AssignmentRefused, match="this is another log"):
            await consumer.run()


async def test_a_consumer_whose_membership_broke_joins_again(
    kafka_bootstrap: str, producer: Producer, new_topic: NewTopic
) -> None:
    topic, handler = await new_topic(2, Cleanup.DELETE), Recorder()
    async with running(Consumer(kafka_bootstrap, group=new_id("group"), topics=[topic], handler=handler)) as consumer:
        await producer.send_all(numbered(topic, 20))
        await handler.until(lambda: len(handler.received) == 20)
        broken = consumer._member
        broken._consumer._coordinator._pending_exception = KafkaError("the coordinator gave up")
        await producer.send_all(numbered(topic, 20, first=20))
        await handler.until(lambda: len({each.value for each in handler.received}) == 40)
        await eventually(lambda: consumer._member is not broken)
        await handler.until(lambda: len(handler.revocations) == 2 and len(handler.assignments) == 4)
        await producer.send_all(numbered(topic, 20, first=40))
        await handler.until(lambda: len({each.value for each in handler.received}) == 60)


async def test_one_consumer_reads_several_topics(kafka_bootstrap: str, producer: Producer, new_topic: NewTopic) -> None:
    topics = [await new_topic(2, Cleanup.DELETE), await new_topic(1, Cleanup.DELETE)]
    handler = Recorder()
    async with running(Consumer(kafka_bootstrap, group=new_id("group"), topics=topics, handler=handler)):
        await producer.send_all([message for topic in topics for message in numbered(topic, 20)])
        await handler.until(lambda: len(handler.received) == 40)
    assert {each.topic for each in handler.received} == {topic.name for topic in topics}


async def test_poison_becomes_a_dead_letter_and_everything_else_goes_on(
    kafka_bootstrap: str, producer: Producer
) -> None:
    mark = new_id("mark").encode()
    processed: set[bytes] = set()

    async def process(received: Received) -> None:
        if received.value == b"poison":
            raise MalformedMessage("poison")
        processed.add(received.value or b"")

    handler = KeyedHandler(process, dead_letters=DeadLetters(producer))
    letters = Recorder()
    messages = [Message(COMMANDS.name, mark, b"poison" if n == 5 else mark + b"%d" % n) for n in range(10)]
    async with (
        running(Consumer(kafka_bootstrap, group=new_id("group"), topics=[COMMANDS], handler=handler)) as consumer,
        running(Consumer(kafka_bootstrap, group=new_id("group"), topics=[COMMANDS.dlq], handler=letters)),
    ):
        await producer.send_all(messages)
        await letters.until(lambda: any(each.key == mark for each in letters.received))
        wanted = {mark + b"%d" % n for n in range(10) if n != 5}
        await eventually(lambda: wanted <= processed and not any(consumer.lag().values()))
    (letter,) = [each for each in letters.received if each.key == mark]
    assert letter.value == b"poison"
    assert letter.header("dlq-reason") == "malformed"
    assert letter.header("dlq-topic") == COMMANDS.name
