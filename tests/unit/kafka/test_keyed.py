"""One message at a time for each key; errors are told apart by what should happen next."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from edurelay.events.envelope import Message
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.kafka.handler import Batch, Received
from edurelay.kafka.keyed import Again, GiveUp, KeyedHandler, Later, Patience
from edurelay.messages.base import MalformedMessage
from edurelay.runtime.tracing import current_traceparent

TOPIC = "edurelay.commands"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Shelf:
    """Takes dead letters; the first `failures` times Kafka is away, and it never takes more than `limit` bytes."""

    def __init__(self, failures: int = 0, limit: int = 1_000_000) -> None:
        self.taken: list[Message] = []
        self._failures = failures
        self._limit = limit

    async def send(self, message: Message) -> None:
        if len(message.value or b"") > self._limit:
            raise MessageTooLarge("too large")
        if self._failures:
            self._failures -= 1
            raise KafkaUnavailable("away")
        self.taken.append(message)


class Desk:
    """Hands messages to a keyed handler and knows what is finished, and how."""

    def __init__(
        self, process: Callable[[Received], Awaitable[None]], *, shelf: Shelf | None = None, concurrency: int = 16
    ) -> None:
        self.shelf = shelf or Shelf()
        self.outcomes: dict[int, str] = {}
        self.handler = KeyedHandler(
            process,
            dead_letters=DeadLetters(self.shelf),
            concurrency=concurrency,
            attempts=2,
            retry_on=(ConnectionError,),
        )
        self._changed = asyncio.Event()

    async def give(self, *messages: tuple[bytes, bytes | None], first: int = 0, partition: int = 0) -> None:
        received = [
            Received(TOPIC, partition, first + index, 0, key, value, [("traceparent", TRACE)])
            for index, (key, value) in enumerate(messages)
        ]
        await self.handler.handle(Batch(TOPIC, partition, received, self._finish))

    async def until(self, finished: int) -> dict[int, str]:
        async with asyncio.timeout(10):
            while len(self.outcomes) < finished:
                self._changed.clear()
                await self._changed.wait()
        return self.outcomes

    def _finish(self, offsets: Sequence[int], outcome: str) -> None:
        for offset in offsets:
            assert offset not in self.outcomes, "finished twice"
            self.outcomes[offset] = outcome
        self._changed.set()


async def test_messages_of_one_key_are_processed_in_their_order_and_never_side_by_side() -> None:
    order: dict[bytes, list[bytes]] = defaultdict(list)
    busy: set[bytes] = set()

    async def process(received: Received) -> None:
        assert received.key not in busy
        busy.add(received.key)
        await asyncio.sleep(0)
        order[received.key].append(received.value or b"")
        busy.discard(received.key)

    desk = Desk(process)
    await desk.give(*((b"abc"[n % 3 : n % 3 + 1], b"%02d" % n) for n in range(30)))
    await desk.give(*((b"abc"[n % 3 : n % 3 + 1], b"%02d" % n) for n in range(30, 60)), first=30)
    await desk.until(60)
    assert all(values == sorted(values) and len(values) == 20 for values in order.values())


async def test_no_more_than_the_allowed_number_of_keys_is_worked_on_at_once() -> None:
    at_once, most = 0, 0

    async def process(received: Received) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    desk = Desk(process, concurrency=4)
    await desk.give(*((b"%d" % n, b"") for n in range(40)))
    await desk.until(40)
    assert most == 4


async def test_a_key_that_fails_does_not_hold_up_the_others() -> None:
    async def process(received: Received) -> None:
        if received.key == b"bad":
            raise ConnectionError("its store is away")

    desk = Desk(process, concurrency=1)
    await desk.give((b"bad", b""), (b"good", b""), (b"bad", b""), (b"fine", b""))
    await desk.until(2)
    assert set(desk.outcomes) == {1, 3}
    await desk.handler.revoked([(TOPIC, 0)])


async def test_an_unavailable_store_is_waited_for_longer_than_attempts_allow() -> None:
    calls = 0

    async def process(received: Received) -> None:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise ConnectionError("away")

    desk = Desk(process)
    await desk.give((b"k", b""))
    assert await desk.until(1) == {0: "done"}
    assert calls == 4


async def test_an_outage_does_not_use_up_the_attempts_of_a_message() -> None:
    errors = [ConnectionError("away"), ConnectionError("away"), RuntimeError("once")]

    async def process(received: Received) -> None:
        if errors:
            raise errors.pop(0)

    desk = Desk(process)
    await desk.give((b"k", b""))
    assert await desk.until(1) == {0: "done"}


async def test_who_is_told_when_to_come_back_comes_then_and_uses_up_no_attempt() -> None:
    calls: list[float] = []

    async def process(received: Received) -> None:
        calls.append(time.monotonic())
        if len(calls) <= 4:
            raise Later("too many requests", 0.05)

    desk = Desk(process)
    await desk.give((b"k", b""))
    assert await desk.until(1) == {0: "done"}
    assert all(later - earlier > 0.04 for earlier, later in pairwise(calls))


def test_nobody_is_put_off_for_ever() -> None:
    patience = Patience(2, ())
    assert patience.after(Later("too many requests", 600.0), 0, 1, waited=3000.0) == Again(600.0)
    assert patience.after(Later("too many requests", 601.0), 0, 1, waited=3000.0) == GiveUp("attempts_exhausted")


async def test_a_malformed_message_becomes_a_dead_letter_at_once() -> None:
    calls = 0

    async def process(received: Received) -> None:
        nonlocal calls
        calls += 1
        raise MalformedMessage("no brace")

    desk = Desk(process)
    await desk.give((b"k", b"{"))
    assert await desk.until(1) == {0: "dead_lettered"}
    assert calls == 1
    (letter,) = desk.shelf.taken
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == (f"{TOPIC}.dlq", b"k", b"{")
    assert headers["dlq-reason"] == b"malformed"
    assert headers["dlq-topic"] == TOPIC.encode()
    assert (headers["dlq-partition"], headers["dlq-offset"]) == (b"0", b"0")
    assert headers["dlq-error"] == b"MalformedMessage: no brace"
    assert headers["traceparent"] == TRACE


async def test_an_unexpected_error_becomes_a_dead_letter_when_attempts_are_used_up() -> None:
    calls = 0

    async def process(received: Received) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("a bug, with whsec_c2VjcmV0 in its text")

    desk = Desk(process)
    await desk.give((b"k", b"1"))
    assert await desk.until(1) == {0: "dead_lettered"}
    headers = dict(desk.shelf.taken[0].headers)
    assert calls == 2
    assert (headers["dlq-reason"], headers["dlq-attempts"]) == (b"attempts_exhausted", b"2")
    assert b"c2VjcmV0" not in headers["dlq-error"]


async def test_a_message_is_not_finished_before_its_dead_letter_is_written() -> None:
    async def process(received: Received) -> None:
        raise MalformedMessage("bad")

    desk = Desk(process, shelf=Shelf(failures=2))
    await desk.give((b"k", b"1"))
    await desk.until(1)
    assert len(desk.shelf.taken) == 1


async def test_a_dead_letter_that_would_be_too_large_is_kept_without_its_value() -> None:
    async def process(received: Received) -> None:
        raise MalformedMessage("bad")

    desk = Desk(process, shelf=Shelf(limit=10))
    await desk.give((b"k", b"x" * 11))
    await desk.until(1)
    (letter,) = desk.shelf.taken
    assert letter.value is None
    assert dict(letter.headers)["dlq-value-left-out"] == b"too large"


async def test_something_cancelled_inside_of_processing_is_an_error_like_any_other() -> None:
    async def process(received: Received) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    desk = Desk(process)
    await desk.give((b"k", b"1"))
    assert await desk.until(1) == {0: "dead_lettered"}


async def test_after_a_revocation_nothing_of_its_partition_is_processed_any_more() -> None:
    begun, ended = asyncio.Event(), []

    async def process(received: Received) -> None:
        begun.set()
        if received.partition == 0:
            await asyncio.Event().wait()
        ended.append(received.partition)

    desk = Desk(process)
    await desk.give((b"a", b"1"), (b"a", b"2"), (b"b", b"3"))
    await begun.wait()
    await desk.handler.revoked([(TOPIC, 0)])
    await desk.give((b"a", b"1"), first=100, partition=1)
    assert set(await desk.until(1)) == {100}
    assert ended == [1]


async def test_a_message_is_processed_in_the_trace_that_it_came_with() -> None:
    seen: list[str | None] = []

    async def process(received: Received) -> None:
        seen.append(current_traceparent())

    desk = Desk(process)
    await desk.give((b"k", b"1"))
    await desk.until(1)
    assert seen[0] is not None
    assert seen[0].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert seen[0].split("-")[2] != "b7ad6b7169203331"


def test_patience_ends_for_malformed_at_once_and_for_others_after_their_attempts() -> None:
    patience = Patience(3, (ConnectionError,))
    assert patience.after(MalformedMessage("bad"), 1, 1) == GiveUp("malformed")
    assert isinstance(patience.after(RuntimeError(), 2, 2), Again)
    assert patience.after(RuntimeError(), 3, 3) == GiveUp("attempts_exhausted")
    assert isinstance(patience.after(ConnectionError(), 2, 1000), Again)
