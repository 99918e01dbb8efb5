"""An endpoint that asks for order gets the events of a subject one after the other, and every other one at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from e2e.receivers import Receiver, receiving
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.messages.subscriptions import EventOrder, Undelivered
from edurelay.mongo import Database, Document
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.keys import DeliveryKey
from integration.cut import Line
from integration.dispatcher.ordering import Script, append, by_subject, subjects_log, without_repeats
from integration.dispatcher.world import ENDPOINT, Dispatcher, Log, Terms, dispatcher, subscription

SKIP = EventOrder(then=Undelivered.SKIP)
PARK = EventOrder(then=Undelivered.PARK)
#: A second attempt soon, and none within the test.
SOON, NEVER = (0.0, 0.05), (0.0, 3600.0)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return when it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def stands(working: Dispatcher, **wanted: int) -> None:
    """Return when the ledger has these numbers."""
    async with asyncio.timeout(60):
        while not wanted.items() <= (await working.repository.ledger(ENDPOINT)).items():
            await asyncio.sleep(0.02)


async def nothing_pending(working: Dispatcher) -> None:
    """Return when the backlog, which is told after the ledger, has nothing pending."""
    async with asyncio.timeout(60):
        while await working.store.backlog.count(DeliveryStatus.PENDING):
            await asyncio.sleep(0.02)


async def documents(working: Dispatcher) -> dict[str, Document]:
    """Return the deliveries by the types of their events."""
    return {each["type"]: each async for each in working.store.deliveries.find({})}


def disable(working: Dispatcher) -> Endpoint:
    """Let the endpoint be disabled; return it."""
    endpoint = working.endpoints.get(ENDPOINT)
    assert endpoint is not None
    disabled = endpoint.subscription.model_copy(update={"enabled": False, "version": endpoint.subscription.version + 1})
    working.endpoints.on_change(ENDPOINT, disabled)
    endpoint = working.endpoints.get(ENDPOINT)
    assert endpoint is not None
    return endpoint


@asynccontextmanager
async def world(
    mongo_uri: str, producer: Producer, receiver: Receiver, log: Log, terms: Terms
) -> AsyncIterator[Dispatcher]:
    async with dispatcher(mongo_uri, new_id("test"), producer, receiver.url, log, terms) as working:
        yield working


async def test_later_events_of_a_subject_wait_for_one_that_fails_while_others_flow(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "b", "a", None, "b", "a", None), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(NEVER, order=SKIP)) as working:
        await until(lambda: len(script.came) == 5)
        await stands(working, delivered=4, pending=3)
        append(log, "a")
        append(log, "b")
        await stands(working, delivered=5, pending=4)
        assert by_subject(log, script.came) == {"a": ["event.0"], "b": ["event.1", "event.4", "event.8"], "": [
            "event.3", "event.6"
        ]}  # fmt: skip
        found = await documents(working)
        assert found["event.2"]["reason"] == "waits for an earlier event of its subject"
        await until(lambda: log.committed == 9)  # The log does not wait for what waits.
        script.failing.clear()
        assert await working.repository.redeliver(found["event.0"], None)
        await stands(working, delivered=9, pending=0)
        assert by_subject(log, script.came)["a"] == ["event.0", "event.0", "event.2", "event.5", "event.7"]
        await nothing_pending(working)


async def test_a_subject_goes_on_behind_a_dead_letter_where_that_is_skipped(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a", "a"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(SOON, order=SKIP)) as working:
        await stands(working, delivered=2, dead_lettered=1)
        assert script.came == ["event.0", "event.0", "event.1", "event.2"]


async def test_a_number_of_failures_decides_before_the_schedule_ends(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a"), Script(receiver, failing={"event.0"})
    order = EventOrder(failures=2, then=Undelivered.SKIP)
    async with world(mongo_uri, producer, receiver, log, Terms((0.0, 0.05, 3600.0), order=order)) as working:
        await stands(working, delivered=1, dead_lettered=1)
        assert script.came == ["event.0", "event.0", "event.1"]
        assert (await documents(working))["event.0"]["reason"] == "as many attempts failed as its order allows"


@pytest.mark.parametrize("how", ["redelivered", "skipped"])
async def test_a_parked_subject_waits_until_somebody_sees_to_it(
    mongo_uri: str, producer: Producer, receiver: Receiver, how: str
) -> None:
    log, script = subjects_log("a", "a", "b"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(SOON, order=PARK)) as working:
        await stands(working, delivered=1, dead_lettered=1, pending=1)
        append(log, "a")
        append(log, "b")
        await stands(working, delivered=2, dead_lettered=1, pending=2)
        assert by_subject(log, script.came) == {"a": ["event.0", "event.0"], "b": ["event.2", "event.4"]}
        head = (await documents(working))["event.0"]
        assert head["parked"] is True
        script.failing.clear()
        if how == "skipped":
            assert await working.repository.skip(DeliveryKey.from_stored(head["_id"]))
            await stands(working, delivered=4, dead_lettered=1, pending=0)
            assert by_subject(log, script.came)["a"] == ["event.0", "event.0", "event.1", "event.3"]
            assert not await working.repository.skip(DeliveryKey.from_stored(head["_id"]))
        else:
            assert await working.repository.redeliver(head, None)
            await stands(working, delivered=5, dead_lettered=0, pending=0)
            assert by_subject(log, script.came)["a"] == ["event.0"] * 3 + ["event.1", "event.3"]


async def test_a_parked_one_that_is_redelivered_and_fails_again_is_parked_again(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(SOON, order=PARK)) as working:
        await stands(working, dead_lettered=1, pending=1)
        assert await working.repository.redeliver((await documents(working))["event.0"], None)
        await until(lambda: len(script.came) == 4)
        await stands(working, dead_lettered=1, pending=1)
        assert script.came == ["event.0"] * 4


async def test_a_pending_one_can_be_skipped_and_a_late_failure_of_it_changes_nothing(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a"), Script(receiver, failing={"event.0"})
    receiver.open.clear()
    async with world(mongo_uri, producer, receiver, log, Terms(SOON, order=SKIP)) as working:
        # Its attempt is under way for so long that the store knows it as pending.
        await stands(working, pending=2)
        key = DeliveryKey.from_stored((await documents(working))["event.0"]["_id"])
        assert await working.repository.skip(key)
        receiver.open.set()
        await stands(working, delivered=1, dead_lettered=1, pending=0)
        skipped = (await documents(working))["event.0"]
        assert (skipped["reason"], "parked" in skipped) == ("skipped on request", False)
        assert without_repeats(script.came) == ["event.0", "event.1"]


@pytest.mark.parametrize("order", [None, SKIP], ids=["no order", "skipping"])
async def test_a_change_from_parking_lets_go_of_what_is_parked(
    mongo_uri: str, producer: Producer, receiver: Receiver, order: EventOrder | None
) -> None:
    log, script = subjects_log("a", "a", "b", "b"), Script(receiver, failing={"event.0", "event.2"})
    terms = Terms(SOON, order=PARK)
    async with world(mongo_uri, producer, receiver, log, terms) as working:
        await stands(working, dead_lettered=2, pending=2)
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms, order=order, version=2))
        await stands(working, delivered=2, dead_lettered=2, pending=0)
        assert not any("parked" in each for each in (await documents(working)).values())
        assert await working.store.backlog.parked() == []
        append(log, "a")
        await stands(working, delivered=3)
        assert by_subject(log, script.came)["a"] == ["event.0", "event.0", "event.1", "event.4"]


async def test_while_an_endpoint_is_disabled_its_subjects_wait_and_then_go_on_in_order(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log(*"abab" * 10), Script(receiver)
    receiver.open.clear()
    terms = Terms(NEVER, order=SKIP, window=2)
    async with world(mongo_uri, producer, receiver, log, terms) as working:
        await stands(working, matched=40)
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms, enabled=False, version=2))
        receiver.open.set()
        await stands(working, delivered=2, pending=38)
        working.endpoints.on_change(ENDPOINT, subscription(receiver.url, terms, version=3))
        await stands(working, delivered=40)
        expected = {name: [f"event.{n}" for n in range(k, 40, 2)] for k, name in enumerate("ab")}
        assert by_subject(log, script.came) == expected


async def test_a_probe_brings_no_event_before_an_earlier_one_of_its_subject(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a", "a"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(NEVER, order=SKIP)) as working:
        await stands(working, pending=3)
        endpoint = disable(working)
        oldest = (await working.store.backlog.head(ENDPOINT, 1)).entries[0]
        assert oldest["number"] > 0, "what waits is due before what failed"
        await working.probes.probe(endpoint)
        await until(lambda: len(script.came) == 2)
        assert script.came == ["event.0", "event.0"]


async def test_a_probe_of_an_endpoint_that_has_only_parked_subjects_is_a_test_event(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(SOON, order=PARK)) as working:
        await stands(working, pending=1, dead_lettered=1)
        await working.probes.probe(disable(working))
        await until(lambda: len(script.came) == 3)
        assert script.came == ["event.0", "event.0", "endpoint.test"]


async def test_a_probe_takes_another_where_the_one_that_it_was_to_be_ends_before_it_is_claimed(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log(None, None), Script(receiver, failing={"event.0", "event.1"})
    with Line(mongo_uri, 0, answer_lost=False) as line:
        async with world(line.uri, producer, receiver, log, Terms(NEVER)) as working:
            await stands(working, pending=2)
            endpoint = disable(working)
            oldest, other = (await working.store.backlog.head(ENDPOINT, 2)).entries
            line.hold(b"claim")
            probe = asyncio.create_task(working.probes.probe(endpoint))
            await line.until_held()
            over = {"status": DeliveryStatus.DEAD_LETTERED.value}
            await working.store.deliveries.update_one({"_id": oldest["_id"]}, {"$set": over})
            await working.store.backlog.end([], [oldest["_id"]])
            line.let_go()
            await probe
            await until(lambda: len(script.came) == 3)
            assert script.came[2] == (await working.store.deliveries.find_one({"_id": other["_id"]}) or {})["type"]


async def test_an_endpoint_that_rests_keeps_the_order_of_its_subjects(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    """Enough fails for its breaker to open; probes that fail count for those whose turn it is, and for no other."""
    log, script = subjects_log(*[f"{n}" for n in range(12)] * 3), Script(receiver)
    script.failing = {f"event.{n}" for n in range(36)}
    script.seen = lambda type_: script.failing.clear() if len(script.came) > 30 else None
    async with world(mongo_uri, producer, receiver, log, Terms((0.0, *[0.2] * 30), order=SKIP)) as working:
        await stands(working, delivered=36)
        came = by_subject(log, script.came).values()
        assert all(_in_order(types) and types == sorted(types, key=_place) for types in came), script.came


async def test_a_receiver_that_is_slow_with_one_subject_does_not_hold_the_log_up(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log(*["a"] * 20), Script(receiver)
    receiver.open.clear()
    async with world(mongo_uri, producer, receiver, log, Terms(NEVER, order=SKIP)) as working:
        await until(lambda: log.committed == 20)
        assert script.came == ["event.0"]
        receiver.open.set()
        await stands(working, delivered=20)
        assert script.came == [f"event.{n}" for n in range(20)]


async def test_an_order_takes_nothing_of_an_endpoint_that_asks_for_none(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, script = subjects_log("a", "a", "a"), Script(receiver, failing={"event.0"})
    async with world(mongo_uri, producer, receiver, log, Terms(NEVER)) as working:
        await stands(working, delivered=2, pending=1)
        assert sorted(script.came) == ["event.0", "event.1", "event.2"]
        [entry] = (await working.store.backlog.head(ENDPOINT, 10)).entries
        assert not {"chain", "number", "waits"} & entry.keys()


async def test_what_fails_here_is_claimed_by_another_and_the_order_holds(
    mongo_uri: str, producer: Producer, receiver: Receiver
) -> None:
    log, name = subjects_log(*"abc" * 12), new_id("test")
    script, terms = (
        Script(receiver, failing={f"event.{n}" for n in range(0, 36, 5)}),
        Terms((0.0, 0.1, 0.1, 0.1), order=SKIP),
    )
    tries: list[str] = []

    def seen(type_: str) -> None:
        tries.append(type_)
        if tries.count(type_) == 2:
            script.failing.discard(type_)

    script.seen = seen
    async with (
        dispatcher(mongo_uri, name, producer, receiver.url, log, terms) as first,
        dispatcher(mongo_uri, name, producer, receiver.url, Log([]), terms),
        dispatcher(mongo_uri, name, producer, receiver.url, Log([]), terms),
    ):
        await stands(first, delivered=36, pending=0)
    assert all(_in_order(types) for types in by_subject(log, script.came).values()), script.came


def _place(type_: str) -> int:
    return int(type_.removeprefix("event."))


def _in_order(types: list[str]) -> bool:
    places = [_place(each) for each in without_repeats(types)]
    return places == sorted(places)


ORDERS = {"skip": SKIP, "park": PARK}


@pytest.mark.parametrize(("then", "answer_lost"), [("skip", False), ("park", True)], ids=["before", "after it is done"])
async def test_a_dispatcher_that_dies_at_any_write_leaves_the_order_to_another(
    mongo_uri: str, producer: Producer, then: str, answer_lost: bool
) -> None:
    """Two subjects with one event each that fails at first and one that fails for good, much of it waiting in memory
    when the first dispatcher dies."""
    terms, reached = Terms((0.0, 0.05), lease=0.6, order=ORDERS[then]), 0
    for write in range(1, 15):
        log, name = subjects_log(*"ab" * 6), new_id("test")
        async with await Database.connect(mongo_uri, name, collections=store.ALL):
            pass
        async with receiving() as receiver:
            script = Script(receiver, failing={"event.2", "event.3", "event.6"})
            arrived: list[str] = []

            def seen(type_: str, script: Script = script, arrived: list[str] = arrived) -> None:
                if type_ == "event.3" and script.came.count(type_) > 1:
                    script.failing.discard(type_)
                if type_ not in script.failing:
                    arrived.append(type_)

            script.seen = seen
            with Line(mongo_uri, write, answer_lost=answer_lost) as line:
                async with dispatcher(line.uri, name, producer, receiver.url, log, terms):
                    await until(lambda: line.broken)
                    reached += 1
                    line.mend()
            async with dispatcher(mongo_uri, name, producer, receiver.url, log, terms) as working:
                if then == "skip":
                    await stands(working, matched=12, delivered=10, dead_lettered=2, pending=0)
                else:
                    await stands(working, matched=12, delivered=7, dead_lettered=1, pending=4)
                await until(lambda: log.committed == 12)  # noqa: B023
                assert all(_in_order(types) for types in by_subject(log, script.came).values()), script.came
                assert all(_in_order(types) for types in by_subject(log, arrived).values()), arrived
    assert reached == 14, "the dispatcher writes too seldom for this test to say anything"
