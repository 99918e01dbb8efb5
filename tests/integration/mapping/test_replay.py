"""A crash between any two steps loses nothing and invents nothing: what comes again is recognised.

The service's parts run against a real database over a line that breaks at any of its writes, before or after the
server had it, and with a Kafka that fails before or after it took the events. Then another process goes on, from the
last committed offset or from any before it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay.events.envelope import Event, Message
from edurelay.events.ids import new_id
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import Database
from edurelay_mapping import store
from edurelay_mapping.errors import UNAVAILABLE
from integration.cut import Line
from integration.mapping.world import Log, SendAll, World, student

Batches = list[list[tuple[str, str]]]


@dataclass(frozen=True)
class Crash:
    """The end of one process: at which of its writes or sends, and whether that had its effect all the same."""

    of: Literal["write", "send"]
    at: int
    had_effect: bool
    handed_over: int
    repeats: int


batches = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=3), min_size=1, max_size=5
)
crashes = st.lists(
    st.builds(
        Crash,
        st.sampled_from(["write", "send"]),
        st.integers(1, 12) | st.integers(1, 3),
        st.booleans(),
        st.integers(1, 5),
        st.integers(0, 2),
    ),
    max_size=3,
)


def expected(log: Batches) -> tuple[Counter[tuple[str, int, str]], list[tuple[int, int, int]]]:
    """What the batches mean: an event for each real change, and what each batch is counted as."""
    values: dict[str, tuple[int, str]] = {}
    events: Counter[tuple[str, int, str]] = Counter()
    counts = []
    for batch in log:
        created = updated = 0
        for key, value in dict(batch).items():
            version, before = values.get(key, (0, None))
            if before != value:
                values[key] = (version + 1, value)
                events[key, version + 1, value] += 1
                created, updated = (created + 1, updated) if version == 0 else (created, updated + 1)
        counts.append((created, updated, len(batch) - created - updated))
    return events, counts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches, crashes=crashes)
async def test_any_number_of_crashes_lose_and_invent_nothing(
    mongo_uri: str, batches: Batches, crashes: list[Crash]
) -> None:
    await check_that_nothing_is_lost_or_invented(mongo_uri, batches, crashes)


#: Creates, changes and leaves alone, with an id twice in a batch and in consecutive batches.
STORY: Batches = [
    [("a", "x"), ("b", "x")],
    [("a", "y"), ("c", "x")],
    [("b", "x"), ("b", "y"), ("b", "z")],
    [("a", "y")],
]


@pytest.mark.parametrize("had_effect", [False, True])
@pytest.mark.parametrize(("of", "at"), [*(("write", at) for at in range(1, 15)), *(("send", at) for at in range(1, 4))])
async def test_a_crash_at_each_single_step_loses_and_invents_nothing(
    mongo_uri: str, of: Literal["write", "send"], at: int, had_effect: bool
) -> None:
    await check_that_nothing_is_lost_or_invented(mongo_uri, STORY, [Crash(of, at, had_effect, 4, 0)])


async def check_that_nothing_is_lost_or_invented(uri: str, batches: Batches, crashes: list[Crash]) -> None:
    name, log, told = new_id("replay"), Log(), list[Message]()
    for batch in batches:
        log.append(*(student(key, number=value) for key, value in batch))
    committed = 0
    async with await Database.connect(uri, name, collections=store.ALL):
        pass
    for crash in crashes:
        committed = await live_and_crash(uri, name, log, told, crash, committed)
    async with await Database.connect(uri, name, collections=store.ALL) as database:
        last = World(database, log, send_all=sender(told))
        await go_on(last, committed, handed_over=2)
        outcomes = [await last.outcome(message) for message in log.partitions[0]]

    events, counts = expected(batches)
    heard = [Event.from_message(message.headers, message.value) for message in told]
    assert len({event.id for event in heard}) == len(
        {(event.id, event.data, event.time, event.type) for event in heard}
    )
    distinct = {event.id: orjson.loads(event.data) for event in heard}
    assert (
        Counter((data["external_id"], data["version"], data["attributes"]["number"]) for data in distinct.values())
        == events
    )
    assert [outcome[1:4] for outcome in outcomes] == counts
    assert all(outcome[0] == sum(outcome[1:]) for outcome in outcomes)
    first_arrivals = dict.fromkeys(event.id for event in heard)
    for key in "abc":
        versions = [distinct[each]["version"] for each in first_arrivals if distinct[each]["external_id"] == key]
        assert versions == sorted(versions)
    assert repeated_ones_are_marked(heard)


def repeated_ones_are_marked(heard: list[Event]) -> bool:
    return all(
        event.maybe_repeated or event.id not in {earlier.id for earlier in heard[:index]}
        for index, event in enumerate(heard)
    )


def sender(told: list[Message], crash: Crash | None = None) -> SendAll:
    """What takes events, until it fails for good."""
    calls = 0

    async def send_all(messages: Sequence[Message]) -> None:
        nonlocal calls
        calls += bool(messages)
        failing = crash is not None and crash.of == "send" and calls >= crash.at
        if not failing or (crash is not None and calls == crash.at and crash.had_effect):
            told.extend(messages)
        if failing:
            raise KafkaUnavailable("gone")

    return send_all


async def live_and_crash(uri: str, name: str, log: Log, told: list[Message], crash: Crash, committed: int) -> int:
    """Let a process work until it crashes; return the offset that its successor goes on from."""
    writes = crash.at if crash.of == "write" else 10_000
    with Line(uri, writes, answer_lost=crash.had_effect) as line:
        async with await Database.connect(line.uri, name, collections=(), timeout=0.3) as database:
            world = World(database, log, send_all=sender(told, crash))
            with contextlib.suppress(*UNAVAILABLE):
                await go_on(world, committed, handed_over=crash.handed_over)
            line.mend()
    finished = next(offset for offset in range(committed, 100) if offset not in world.done.get(0, set()))
    return max(0, finished - crash.repeats)


async def go_on(world: World, position: int, *, handed_over: int) -> None:
    """Work off the log from an offset on, some messages at a time."""
    messages = world.log.partitions[0]
    await world.intake.assigned([world.log.assignment(0, position)])
    for start in range(position, len(messages), handed_over):
        await world.work(messages=messages[start : start + handed_over])
