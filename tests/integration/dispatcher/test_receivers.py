"""The receiver matrix: whatever the other side does, its delivery ends where it should, and costs no more than that."""

from __future__ import annotations

import asyncio
import re
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.events.ids import new_id
from edurelay.kafka.producer import Producer
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay_sandbox.receiver import Authority, Names, Receiver, answer
from integration.dispatcher.receivers import BY_SCHEDULE, ROWS, SCHEDULE, THROTTLED, Dead, Delivered, Row, Waits, again
from integration.dispatcher.world import ENDPOINT, Dispatcher, Log, Terms, dispatcher

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "receivers.md"
#: What an exchange may take of memory, whatever the answer, in bytes.
MEMORY = 6 * 1024 * 1024


def rows(kind: object = None) -> list[object]:
    """Return the rows, or those that end so."""
    return [pytest.param(row, id=name) for name, row in ROWS.items() if kind is None or row.then is kind]


def client_for(row: Row, authority: Authority) -> EgressClient:
    """A client that takes this machine for the world outside, but for 127.0.0.1 under a name that flips."""
    allowed = "127.0.0.2" if row.host == "flips.test" else "127.0.0.0/8,::1"
    return EgressClient(
        AddressGuard(allowed),
        user_agent="test",
        require_https=False,
        resolver=Names(row.names),
        tls=authority.trusting(),
        names_kept=0,
    )


def url_of(row: Row, receiver: Receiver) -> str:
    scheme, _, host = row.host.rpartition("://")
    return receiver.at(host, scheme=scheme or "http")


@asynccontextmanager
async def meeting(
    row: Row, schedule: Sequence[float], mongo_uri: str, producer: Producer, folder: Path
) -> AsyncIterator[tuple[Dispatcher, Receiver, Log]]:
    """Let a dispatcher meet the row's receiver, with the deliveries one after the other."""
    if row.address == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    authority, receiver = Authority(folder), Receiver(*row.scripts)
    tls = row.certificate(authority) if row.certificate else None
    terms = Terms(schedule, seconds=row.seconds, window=1, client=client_for(row, authority))
    log = Log.of(*["student.created"] * row.events)
    async with receiver.serving(row.address, tls):
        url = url_of(row, receiver)
        if not row.listens:
            await receiver.close()
        async with dispatcher(mongo_uri, new_id("test"), producer, url, log, terms) as working:
            yield working, receiver, log


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def settled(working: Dispatcher, row: Row, attempts: int) -> list[Document]:
    """Return the deliveries once each has seen so many attempts, and stands where it should."""
    status = {Delivered: DeliveryStatus.DELIVERED, Waits: DeliveryStatus.PENDING, Dead: DeliveryStatus.DEAD_LETTERED}
    wanted = (status[type(row.then)].value, attempts)
    async with asyncio.timeout(20):
        while True:
            found = await working.store.deliveries.find({"endpoint": ENDPOINT}).sort("_id", -1).to_list(None)
            if [(each["status"], len(each["attempts"])) for each in found] == [wanted] * row.events:
                return found
            # A delivery that has gone another way never comes back.
            assert all(len(each["attempts"]) <= attempts for each in found)
            assert all(each["status"] in ("pending", wanted[0]) for each in found)
            await asyncio.sleep(0.01)


def outcomes(delivery: Document) -> list[int | str]:
    return [attempt.get("status") or attempt["error"] for attempt in delivery["attempts"]]


@contextmanager
def little_memory(row: Row) -> Iterator[None]:
    """Hold the exchange to its bound, where the row has one."""
    if row.taken is None:
        yield
        return
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("row", rows())
async def test_a_delivery_ends_as_its_receiver_deserves(
    row: Row, mongo_uri: str, producer: Producer, tmp_path: Path
) -> None:
    with little_memory(row):
        began = time.time()
        async with meeting(row, SCHEDULE, mongo_uri, producer, tmp_path) as (working, receiver, log):
            deliveries = await settled(working, row, len(row.attempts))
            over = time.time()
            await expect_state(working, row)
            async with asyncio.timeout(20):
                while log.committed < row.events:
                    await asyncio.sleep(0.01)
    for delivery in deliveries:
        assert outcomes(delivery) == list(row.attempts)
        expect_ending(row, delivery, began, over)
    expect_requests(row, receiver)


def expect_ending(row: Row, delivery: Document, began: float, over: float) -> None:
    match row.then:
        case Waits(least, most):
            # Due times are rounded up to tenths.
            assert began + least <= delivery["due_at"] <= over + most + 0.1
        case Dead(reason, _):
            assert reason in delivery["reason"]
            assert "due_at" not in delivery
        case Delivered():
            assert "due_at" not in delivery
    assert all(len(attempt.get("excerpt", "")) <= 16 * 1024 for attempt in delivery["attempts"])


async def expect_state(working: Dispatcher, row: Row) -> None:
    """The ledger adds up, and the endpoint is disabled, here and at the gateway, only where it has to be."""
    counts = {Delivered: "delivered", Waits: "pending", Dead: "dead_lettered"}
    expected = {"matched": row.events, "delivered": 0, "pending": 0, "dead_lettered": 0}
    assert await working.repository.ledger(ENDPOINT) == {**expected, counts[type(row.then)]: row.events}
    endpoint = working.endpoints.get(ENDPOINT)
    assert endpoint is not None
    disabled = isinstance(row.then, Dead) and row.then.disabled
    assert working.endpoints.enabled(endpoint) is not disabled
    if disabled:
        [told] = await working.gateway.until(1)
        assert told.line.split()[:2] == ["POST", f"/internal/tenants/north/endpoints/{ENDPOINT}/disable"]
    else:
        assert working.gateway.requests == []


def expect_requests(row: Row, receiver: Receiver) -> None:
    """What came is what was attempted: nothing was followed, nothing repeated unseen, and no more read than allowed."""
    assert {request.line for request in receiver.requests} <= {"POST /hook HTTP/1.1"}
    answered = [each for each in row.attempts if isinstance(each, int)]
    if len(answered) == len(row.attempts):
        assert len(receiver.requests) == len(answered) * row.events
    assert len(receiver.requests) <= len(row.attempts) * row.events
    assert row.connections in (None, receiver.connections)
    assert row.taken is None or receiver.sent < row.taken * len(row.attempts)


@pytest.mark.parametrize("row", rows(BY_SCHEDULE))
async def test_at_the_end_of_the_schedule_it_is_a_dead_letter_and_the_endpoint_goes_on(
    row: Row, mongo_uri: str, producer: Producer, tmp_path: Path
) -> None:
    dead = replace(row, then=Dead("every attempt of the schedule failed"))
    async with meeting(row, (0.0, 0.02, 0.02), mongo_uri, producer, tmp_path) as (working, _, _):
        [delivery] = await settled(working, dead, 3)
        await expect_state(working, dead)
    assert outcomes(delivery) == [row.attempts[0], row.attempts[1], row.attempts[1]]
    expect_ending(dead, delivery, 0, 0)


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [(timedelta(hours=1), 3600), (timedelta(days=3), 86_400), (timedelta(days=-3), None)],
    ids=["in an hour", "in three days", "three days ago"],
)
async def test_a_date_to_come_again_is_kept_up_to_a_day_from_now(
    ahead: timedelta, waits: float | None, mongo_uri: str, producer: Producer, tmp_path: Path
) -> None:
    began = time.time()
    date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
    row = again(503, answer(503, headers={"Retry-After": date}))
    if waits is not None:
        row = replace(row, attempts=(503,), then=Waits(waits - 1, waits))
    async with meeting(row, SCHEDULE, mongo_uri, producer, tmp_path) as (working, _, _):
        [delivery] = await settled(working, row, len(row.attempts))
        expect_ending(row, delivery, began, time.time())


def next_of(row: Row) -> str:
    """Return what the reference page calls that which comes after this row's answer."""
    match row.then:
        case Delivered():
            return "delivered"
        case Dead(_, disabled):
            return "dead letter, disabled" if disabled else "dead letter"
        case _ if row.then is BY_SCHEDULE:
            return "again by the schedule"
        case _:
            return "again, and throttled" if row.then is THROTTLED else "again when asked"


def test_the_reference_page_says_of_each_row_what_the_matrix_says() -> None:
    said: dict[str, str] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = line.strip("|").split("|")
        if len(cells) == 3 and "**" in cells[1]:
            said |= dict.fromkeys(re.findall(r"`(.+?)`", cells[2]), cells[1].strip(" *"))
    assert said == {name: next_of(row) for name, row in ROWS.items()}
