"""The small parts: keys, places, webhooks, and fetching side by side in order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.moodle.keys import place_of, single
from edurelay_connector_runner.connectors.moodle.ordered import chunks, in_order
from edurelay_connector_runner.connectors.moodle.place import Place
from edurelay_connector_runner.sdk import Cursor, Transient

#: The machine may be busy with other things; that says nothing about the rule.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(UNHURRIED)
@given(st.integers(0, 10**12), st.integers(0, 10**12), st.booleans(), st.booleans())
def test_a_place_comes_back_out_of_its_cursor(course: int, after: int, proven: bool, done: bool) -> None:
    place = Place(course, after, proven, done)
    assert Place.of(place.cursor()) == place


@settings(UNHURRIED)
@given(
    st.dictionaries(
        st.sampled_from(["v", "course", "after", "proven", "done", "x"]),
        st.none() | st.booleans() | st.integers() | st.text(),
    )
)
def test_no_cursor_is_an_error(cursor: Cursor) -> None:
    assert isinstance(Place.of(cursor), Place)


def test_a_place_inside_a_course_leaves_the_rest_of_it_to_be_read() -> None:
    inside, behind = Place(course=5, after=70), Place(course=5)
    assert inside.still_to_read(5)
    assert inside.inside(5) == 70
    assert inside.inside(6) == 0
    assert not behind.still_to_read(5)
    assert behind.still_to_read(6)


@pytest.mark.parametrize("key", ["", "0", "-1", "1.5", "abc", "1:2", "٣", "1" * 30, " 1"])
def test_what_is_no_id_is_no_key(key: str) -> None:
    assert single(key) is None


def test_composite_keys_tell_course_and_person() -> None:
    assert place_of("enrollments", "42:315") == (42, 315)
    assert place_of("grades", "42:700:315") == (42, 315)
    assert place_of("completions", "42:course:315") == (42, 315)
    assert place_of("grades", "42:course:315") is None
    assert place_of("students", "315") is None


async def test_answers_come_in_the_order_of_the_questions() -> None:
    gates = [asyncio.Event() for _ in range(6)]

    async def fetch(number: int) -> int:
        await gates[number].wait()
        return number * number

    for gate in reversed(gates[:3]):
        gate.set()
    received = []
    async with aclosing(in_order(range(6), fetch, 3)) as answers:
        async for number, square in answers:
            received.append((number, square))
            gates[min(5, number + 3)].set()
    assert received == [(number, number * number) for number in range(6)]


async def test_no_more_than_the_bound_is_under_way() -> None:
    under_way = most = 0

    async def fetch(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(3):
            await asyncio.sleep(0)
        under_way -= 1
        return number

    async with aclosing(in_order(range(40), fetch, 4)) as answers:
        assert [number async for number, _ in answers] == list(range(40))
    assert most == 4


async def test_an_error_comes_when_it_is_its_turn_and_the_rest_is_cancelled() -> None:
    received: list[int] = []
    cancelled: list[int] = []

    async def fetch(number: int) -> int:
        if number == 1:
            raise Transient("no answer")
        if number > 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise
        return number

    async def receive() -> None:
        async for number, _ in in_order(range(10), fetch, 3):
            received.append(number)

    with pytest.raises(Transient):
        await receive()
    assert received == [0]
    assert cancelled == [2]


async def test_leaving_early_cancels_what_is_under_way() -> None:
    started: list[int] = []
    ended: list[int] = []

    async def fetch(number: int) -> int:
        started.append(number)
        try:
            if number:
                await asyncio.Event().wait()
        finally:
            ended.append(number)
        return number

    async with aclosing(in_order(range(10), fetch, 3)) as answers:
        async for _ in answers:
            break
    assert sorted(started) == sorted(ended)


@settings(UNHURRIED)
@given(st.lists(st.integers()), st.integers(1, 7))
def test_parts_are_small_and_hold_everything(items: list[int], size: int) -> None:
    parts = [list(part) for part in chunks(items, size)]
    assert [item for part in parts for item in part] == items
    assert all(0 < len(part) <= size for part in parts)
