"""What a document has to tell reaches Kafka, in order, whatever crashes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from edurelay.events.envelope import Message
from edurelay.mongo import Collection, Document
from edurelay.mongo.outbox import Outbox, pending


class Wire:
    """Where messages are sent in these tests: it keeps what it got, and can break or stall."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.broken_before = False
        self.broken_after = False
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()

    async def send_all(self, messages: Sequence[Message]) -> None:
        self.entered.set()
        if self.broken_before:
            raise ConnectionResetError
        await self.open.wait()
        self.sent.extend(messages)
        if self.broken_after:
            raise ConnectionResetError

    @property
    def values(self) -> list[bytes | None]:
        return [message.value for message in self.sent]


def message(text: str) -> Message:
    return Message("edurelay.connections", b"c1", text.encode(), (("ce_id", b"evt_1"), ("traceparent", b"00-1")))


def old(*messages: Message) -> list[Document]:
    """The messages as they wait when their writer died a while ago."""
    return [{**entry, "at": datetime.now(UTC) - timedelta(minutes=1)} for entry in pending(*messages)]


async def state(collection: Collection, document_id: str) -> Document:
    found = await collection.find_one({"_id": document_id})
    assert found is not None
    return found


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def outbox(carriers: Collection, wire: Wire) -> Outbox:
    return Outbox(carriers, wire.send_all)


async def test_flush_sends_the_very_messages_and_takes_them_out(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    tombstone = Message("edurelay.connections", b"c1", None)
    await carriers.insert_one({"_id": "c1", "name": "Moodle", "unsent": pending(message("one"), tombstone)})
    await outbox.flush("c1")
    assert wire.sent == [message("one"), tombstone]
    assert await state(carriers, "c1") == {"_id": "c1", "name": "Moodle", "unsent": []}


@pytest.mark.parametrize("document", [{"_id": "c1"}, {"_id": "c1", "unsent": []}, {"_id": "another"}])
async def test_flush_of_a_document_without_messages_does_nothing(
    outbox: Outbox, carriers: Collection, wire: Wire, document: Document
) -> None:
    await carriers.insert_one(document)
    await outbox.flush("c1")
    assert wire.sent == []


async def test_what_could_not_be_sent_stays_and_is_sent_by_the_next_flush(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    wire.broken_before = True
    with pytest.raises(ConnectionResetError):
        await outbox.flush("c1")
    wire.broken_before = False
    await outbox.flush("c1")
    assert wire.sent == [message("one")]


async def test_what_may_have_been_sent_is_sent_again_with_the_same_content(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    wire.broken_after = True
    with pytest.raises(ConnectionResetError):
        await outbox.flush("c1")
    wire.broken_after = False
    await outbox.flush("c1")
    assert wire.sent == [message("one"), message("one")]
    assert (await state(carriers, "c1"))["unsent"] == []


async def test_a_message_that_came_while_sending_stays_until_its_own_flush(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("same"))})
    wire.open.clear()
    flushing = asyncio.create_task(outbox.flush("c1"))
    await wire.entered.wait()
    await carriers.update_one({"_id": "c1"}, {"$push": {"unsent": {"$each": pending(message("same"))}}})
    wire.open.set()
    await flushing
    assert [entry["value"] for entry in (await state(carriers, "c1"))["unsent"]] == [b"same"]
    await outbox.flush("c1")
    assert wire.values == [b"same", b"same"]


async def test_messages_of_one_document_keep_their_order_over_simultaneous_flushes(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    wire.open.clear()
    first = asyncio.create_task(outbox.flush("c1"))
    await wire.entered.wait()
    await carriers.update_one({"_id": "c1"}, {"$push": {"unsent": {"$each": pending(message("two"))}}})
    ahead = Wire()
    second = asyncio.create_task(Outbox(carriers, ahead.send_all).flush("c1"))
    done, _ = await asyncio.wait({second}, timeout=0.1)
    assert (done, ahead.sent) == (set(), [])
    wire.open.set()
    await asyncio.gather(first, second)
    assert (wire.values, ahead.values) == ([b"one"], [b"two"])


async def test_simultaneous_flushes_send_each_message_once(outbox: Outbox, carriers: Collection, wire: Wire) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": []})

    async def change(number: int) -> None:
        each = pending(message(str(number)))
        await carriers.update_one({"_id": "c1"}, {"$push": {"unsent": {"$each": each}}})
        await outbox.flush("c1")
        assert str(number).encode() in wire.values

    await asyncio.gather(*[change(number) for number in range(12)])
    assert sorted(wire.values, key=str) == sorted((str(number).encode() for number in range(12)), key=str)


async def test_the_claim_of_one_that_died_while_sending_ends_by_itself(carriers: Collection, wire: Wire) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    dead = Wire()
    dead.open.clear()
    dying = asyncio.create_task(Outbox(carriers, dead.send_all, claim_seconds=0.1).flush("c1"))
    await dead.entered.wait()
    await Outbox(carriers, wire.send_all).flush("c1")
    assert wire.sent == [message("one")]
    # Had it only been slow, its late end takes out nothing that was not sent, and no claim that is not its own.
    dead.open.set()
    await dying
    assert (await state(carriers, "c1"))["unsent"] == []


async def test_one_that_was_slower_than_its_claim_still_takes_out_what_it_sent(
    carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    wire.open.clear()
    slow = asyncio.create_task(Outbox(carriers, wire.send_all, claim_seconds=0.1).flush("c1"))
    await wire.entered.wait()
    unlucky = Wire()
    unlucky.broken_before = True
    with pytest.raises(ConnectionResetError):
        await Outbox(carriers, unlucky.send_all).flush("c1")
    wire.open.set()
    await slow
    assert (await state(carriers, "c1"))["unsent"] == []


async def test_a_cancelled_flush_leaves_the_document_free_for_the_next(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("one"))})
    wire.open.clear()
    flushing = asyncio.create_task(outbox.flush("c1"))
    await wire.entered.wait()
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    wire.open.set()
    async with asyncio.timeout(5):
        await outbox.flush("c1")
    assert wire.sent == [message("one")]


async def test_sweep_finishes_what_a_crash_left_the_oldest_first(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": old(message("first"))})
    await carriers.insert_one({"_id": "c2", "unsent": []})
    await carriers.insert_one({"_id": "c3"})
    oldest = [{**entry, "at": datetime.now(UTC) - timedelta(hours=1)} for entry in pending(message("before"))]
    await carriers.insert_one({"_id": "c4", "unsent": oldest})
    assert await outbox.sweep() == 2
    assert wire.values == [b"before", b"first"]
    assert await outbox.sweep() == 0


async def test_sweep_leaves_alone_what_its_writer_is_about_to_flush(
    outbox: Outbox, carriers: Collection, wire: Wire
) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": pending(message("young"))})
    assert await outbox.sweep() == 0
    assert wire.sent == []


async def test_sweep_takes_a_bounded_number_of_documents(carriers: Collection, wire: Wire) -> None:
    await carriers.insert_many([{"_id": f"c{number}", "unsent": old(message("m"))} for number in range(5)])
    outbox = Outbox(carriers, wire.send_all, batch=2)
    assert [await outbox.sweep() for _ in range(4)] == [2, 2, 1, 0]


async def test_a_document_that_cannot_be_sent_does_not_keep_back_those_behind_it(carriers: Collection) -> None:
    oldest = [{**entry, "at": datetime.now(UTC) - timedelta(hours=1)} for entry in pending(message("poison"))]
    await carriers.insert_one({"_id": "c1", "unsent": oldest})
    await carriers.insert_one({"_id": "c2", "unsent": old(message("good"))})
    sent: list[bytes | None] = []

    async def send_all(messages: Sequence[Message]) -> None:
        if any(each.value == b"poison" for each in messages):
            raise ValueError("too large")
        sent.extend(each.value for each in messages)

    outbox = Outbox(carriers, send_all)
    with pytest.raises(ValueError, match="too large"):
        await outbox.sweep()
    assert await outbox.sweep() == 1
    assert sent == [b"good"]
    assert len((await state(carriers, "c1"))["unsent"]) == 1


async def test_a_sweep_looks_only_at_documents_with_unsent_messages(carriers: Collection) -> None:
    plan = (await carriers.find({"unsent.at": {"$lte": datetime.now(UTC)}}).sort("unsent.at", 1).explain())[
        "queryPlanner"
    ]
    assert "unsent.at_1" in str(plan["winningPlan"])


async def test_a_message_that_will_never_be_taken_keeps_back_no_other(carriers: Collection) -> None:
    await carriers.insert_one({"_id": "c1", "unsent": old(message("one"), message("hopeless"), message("two"))})
    await carriers.insert_one({"_id": "c2", "unsent": old(message("good"))})
    sent: list[bytes | None] = []

    async def send_all(messages: Sequence[Message]) -> None:
        if any(each.value == b"hopeless" for each in messages):
            raise ValueError("too large")
        sent.extend(each.value for each in messages)

    outbox = Outbox(carriers, send_all, hopeless=ValueError)
    with capture_logs() as logs:
        assert await outbox.sweep() == 2
    assert (sent, await outbox.sweep()) == ([b"one", b"two", b"good"], 0)
    assert [(each["document_id"], each["reason"]) for each in logs] == [("c1", "too large")]
    assert (await state(carriers, "c1"))["unsent"] == []
