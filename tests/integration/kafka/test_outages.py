"""While the broker is away nothing waits for ever, and when it is back everything goes on by itself.

These tests stop a broker of their own: frozen (SIGSTOP) it keeps its connections and answers nothing, killed it
leaves the port closed.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psutil
import pytest
import pytest_asyncio

from conftest import JARS
from edurelay.events.envelope import Message
from edurelay.events.ids import new_id
from edurelay.events.topics import Cleanup, Topic
from edurelay.kafka.admin import apply_topics
from edurelay.kafka.consumer import Batch, Consumer
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.producer import Producer
from edurelay.kafka.tables import CompactedTable
from edurelay_cli.embedded.kafka import KafkaCluster
from integration.kafka.recording import Recorder, committed, eventually, running

SECONDS = 40.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaCluster]:
    """A broker that may be stopped."""
    broker = KafkaCluster(tmp_path_factory.mktemp("stopped"), cache=JARS)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


@pytest_asyncio.fixture
async def topic(cluster: KafkaCluster) -> Topic:
    """A topic of the test's own."""
    created = Topic(new_id("test"), 2, Cleanup.DELETE, "any", "anything")
    await apply_topics(cluster.bootstrap, [created], replication_factor=1)
    return created


@contextmanager
def frozen(cluster: KafkaCluster) -> Iterator[None]:
    """Freeze the broker: it accepts connections and answers nothing."""
    process = cluster.nodes[0].process
    assert process is not None
    process.signal(signal.SIGSTOP)
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)  # Until then it may answer.
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


async def restart(cluster: KafkaCluster, *, away: float) -> None:
    """Kill the broker, and start it again after a while."""
    node = cluster.nodes[0]
    assert node.process is not None
    await node.process.kill()
    await asyncio.sleep(away)
    await node.process.start()
    await node.process.until_accepting(node.port, 60)


async def until_sent(producer: Producer, message: Message) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await producer.send(message)
            except KafkaUnavailable:
                continue
            return


async def test_a_send_to_a_frozen_broker_ends_within_its_timeout_and_later_ones_arrive(
    cluster: KafkaCluster, topic: Topic
) -> None:
    loop = asyncio.get_running_loop()
    async with Producer(cluster.bootstrap, client_id="test", timeout=2) as producer:
        await producer.send(Message(topic.name, b"k", b"before"))
        with frozen(cluster):
            began = loop.time()
            outcomes = await asyncio.gather(
                *(producer.send(Message(topic.name, b"k%d" % n, b"during")) for n in range(20)),
                producer.send_all([Message(topic.name, b"k%d" % n, b"during") for n in range(20)]),
                producer.ping(),
                return_exceptions=True,
            )
            assert {type(outcome) for outcome in outcomes} == {KafkaUnavailable}
            assert loop.time() - began < 30
        await until_sent(producer, Message(topic.name, b"k", b"after"))
        await producer.ping()


async def test_the_end_of_a_producer_comes_while_the_broker_is_frozen(cluster: KafkaCluster, topic: Topic) -> None:
    loop = asyncio.get_running_loop()
    async with Producer(cluster.bootstrap, client_id="test", timeout=2) as producer:
        await producer.send(Message(topic.name, b"k", b"before"))
        with frozen(cluster):
            sending = asyncio.create_task(producer.send(Message(topic.name, b"k", b"during")))
            await asyncio.sleep(0.1)
            began = loop.time()
            await producer.__aexit__(None, None, None)
            assert loop.time() - began < 30
            with pytest.raises(KafkaUnavailable):
                await sending


async def test_producer_consumer_and_table_go_on_after_the_death_of_the_broker(
    cluster: KafkaCluster, topic: Topic
) -> None:
    handler, table = Recorder(), CompactedTable(cluster.bootstrap, topic, int)
    async with (
        table,
        Producer(cluster.bootstrap, client_id="test", timeout=2) as producer,
        running(Consumer(cluster.bootstrap, group=new_id("group"), topics=[topic], handler=handler)),
    ):
        following = asyncio.create_task(table.run())
        await producer.send(Message(topic.name, b"a", b"1"))
        await handler.until(lambda: len(handler.received) == 1)
        restarting = asyncio.create_task(restart(cluster, away=3))
        await asyncio.sleep(0.5)
        with pytest.raises(KafkaUnavailable):
            await producer.send(Message(topic.name, b"a", b"2"))
        await restarting
        await until_sent(producer, Message(topic.name, b"a", b"3"))
        await handler.until(lambda: any(each.value == b"3" for each in handler.received))
        assert await table.wait_for("a", lambda value: value == 3, SECONDS) == 3
        following.cancel()
        await asyncio.wait({following})


async def test_a_consumer_goes_on_when_a_frozen_broker_thaws(cluster: KafkaCluster, topic: Topic) -> None:
    handler = Recorder()
    async with (
        Producer(cluster.bootstrap, client_id="test", timeout=2) as producer,
        running(Consumer(cluster.bootstrap, group=new_id("group"), topics=[topic], handler=handler)),
    ):
        await producer.send(Message(topic.name, b"a", b"1"))
        await handler.until(lambda: len(handler.received) == 1)
        with frozen(cluster):
            await asyncio.sleep(3)
        await until_sent(producer, Message(topic.name, b"a", b"2"))
        await handler.until(lambda: any(each.value == b"2" for each in handler.received))


async def test_what_was_finished_during_an_outage_is_committed_after_it(cluster: KafkaCluster, topic: Topic) -> None:
    group = new_id("group")

    async def finish_in_the_cold(batch: Batch) -> None:
        with frozen(cluster):
            batch.all_done()
            # Longer than a commit may take.
            await asyncio.sleep(6)

    handler = Recorder(finish_in_the_cold)
    async with Producer(cluster.bootstrap, client_id="test") as producer:
        position = await producer.send(Message(topic.name, b"a", b"1"))
    async with running(Consumer(cluster.bootstrap, group=group, topics=[topic], handler=handler)) as consumer:
        await handler.until(lambda: len(handler.received) == 1)
        lane = consumer._lanes[topic.name, position.partition]
        await eventually(lambda: lane.committed == 1)
        assert (await committed(cluster.bootstrap, group, topic))[position.partition] == 1


async def test_the_end_of_a_consumer_comes_while_the_broker_is_frozen(cluster: KafkaCluster, topic: Topic) -> None:
    loop, handler = asyncio.get_running_loop(), Recorder()
    async with Producer(cluster.bootstrap, client_id="test") as producer:
        await producer.send(Message(topic.name, b"a", b"1"))
    async with running(
        Consumer(cluster.bootstrap, group=new_id("group"), topics=[topic], handler=handler, drain_seconds=1)
    ) as consumer:
        await handler.until(lambda: len(handler.received) == 1)
        with frozen(cluster):
            began = loop.time()
            await consumer.__aexit__(None, None, None)
            assert loop.time() - began < 60
