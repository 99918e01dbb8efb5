"""One aiokafka producer, from its start to its certain end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from edurelay.events.envelope import Message
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.limits import MAX_MESSAGE_BYTES
from edurelay.kafka.partitions import partition_of
from edurelay.runtime.together import together
from edurelay.runtime.tracing import current_traceparent

#: Large enough that a burst of events seldom fills a batch: a full one makes all its senders wait for each other.
_BATCH_BYTES = 256 * 1024

Batch = Any
Headers = Sequence[tuple[str, bytes]]


class Incarnation:
    """What stands between a send and aiokafka. Every method but `retire` may wait long: callers set the deadline."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def start(cls, bootstrap: str, client_id: str, timeout: float) -> Self:
        """Connect and get a producer id. Raises `KafkaUnavailable`."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            client_id=client_id,
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES,
            # A request that a frozen broker has swallowed is repeated on a fresh connection while there is still time.
            request_timeout_ms=int(timeout * 500),
        )
        try:
            async with asyncio.timeout(timeout):
                await producer.start()
        except (KafkaError, TimeoutError) as error:
            await cls(producer).retire(0)
            raise KafkaUnavailable(f"no producer could be started: {error or 'no answer in time'}") from error
        except asyncio.CancelledError:
            await cls(producer).retire(0)
            raise
        return cls(producer)

    async def ask(self) -> bool:
        """Ask a broker for news, and return whether one answered."""
        return bool(await self._producer.client.force_metadata_update())

    async def send(self, message: Message) -> tuple[int, int]:
        """Send one message; return its partition and offset once it is acknowledged.

        Raises `KafkaError`, or `MessageTooLarge` before anything is sent.
        """
        partition = partition_of(message.key, await self._partitions(message.topic))
        headers = _traced(message.headers)
        try:
            delivery = await self._producer.send(
                message.topic, message.value, message.key, partition=partition, headers=headers
            )
        except MessageSizeTooLargeError as error:
            raise MessageTooLarge(str(error)) from error
        record = await delivery
        return record.partition, record.offset

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Send messages in their order for each key; return once all are acknowledged.

        Raises `KafkaError`, or `MessageTooLarge` before anything is sent.
        """
        batches = await self._batches(messages)
        if len(batches) == 1:
            ((place, queue),) = batches.items()
            await self._deliver(*place, queue)
        else:
            await together(*(self._deliver(*place, queue) for place, queue in batches.items()))

    async def retire(self, patience: float) -> None:
        """Let what is under way finish within `patience` seconds, then end for certain; whoever still waits gets
        `KafkaUnavailable`.

        `AIOKafkaProducer.stop` waits until all is written, and a produce request until its broker answers. Both can
        be for ever, so this takes the parts down one by one, from the outside in.
        """
        sender = self._producer._sender.sender_task
        if sender is not None and not sender.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._producer.flush()
            # A first cancellation stops new requests and waits for those under way, which end with their connection;
            # a second one stops waiting.
            for _ in range(2):
                sender.cancel()
                for connection in list(self._producer.client._conns.values()):
                    connection.close()
                await asyncio.wait({sender}, timeout=0.5)
        self._fail_what_is_left()
        try:
            async with asyncio.timeout(2):
                await self._producer.stop()
        except Exception:  # noqa: S110
            # Whatever is left of it has neither requests nor connections, and nobody waits for it.
            pass

    def _fail_what_is_left(self) -> None:
        accumulator = self._producer._message_accumulator
        left = [batch for queue in accumulator._batches.values() for batch in queue]
        # A batch that was sent before and put back is looked for among the pending ones when it ends.
        accumulator._pending_batches.update(left)
        accumulator.fail_all(KafkaUnavailable("the producer was given up"))
        for batch in accumulator._pending_batches:
            # Whoever waited has been told. What nobody waits for must not be reported as an error that was missed.
            for future in (batch.future, batch._drain_waiter):
                if future.done() and not future.cancelled():
                    future.exception()

    async def _partitions(self, topic: str) -> int:
        known = self._producer.client.cluster.partitions_for_topic(topic)
        return len(known if known is not None else await self._producer.partitions_for(topic))

    async def _batches(self, messages: Sequence[Message]) -> dict[tuple[str, int], list[Batch]]:
        batches: dict[tuple[str, int], list[Batch]] = {}
        counts = {topic: await self._partitions(topic) for topic in {message.topic for message in messages}}
        for message in messages:
            place = (message.topic, partition_of(message.key, counts[message.topic]))
            queue = batches.get(place)
            if queue is None:
                queue = batches[place] = [self._producer.create_batch()]
            headers = _traced(message.headers)
            added = queue[-1].append(timestamp=None, key=message.key, value=message.value, headers=headers)
            if added is None:
                queue.append(self._producer.create_batch())
                added = queue[-1].append(timestamp=None, key=message.key, value=message.value, headers=headers)
            if added.size > MAX_MESSAGE_BYTES:
                raise MessageTooLarge(f"a message of {added.size} bytes for {message.topic}")
        return batches

    async def _deliver(self, topic: str, partition: int, queue: list[Batch]) -> None:
        deliveries = [await self._producer.send_batch(batch, topic, partition=partition) for batch in queue]
        for delivery in deliveries:
            await delivery


def _traced(headers: Headers) -> list[tuple[str, bytes]]:
    """Return the headers as aiokafka wants them, with what is being done now as their cause where they name none."""
    traceparent = current_traceparent()
    if traceparent is None or any(name == "traceparent" for name, _ in headers):
        return headers if isinstance(headers, list) else list(headers)
    return [*headers, ("traceparent", traceparent.encode())]
