"""The process that evaluates conditions, and who asks it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import orjson
import psutil
import pytest

from edurelay.conditions.evaluator import TOO_COSTLY, Evaluator, Failed, Question
from edurelay.conditions.worker import MEMORY

#: Within the iterations that the runtime allows, and yet seconds of work.
RUNAWAY = "data.l.all(x, data.l.all(y, data.s.contains('ab') == false))"
#: Within them as well, and gigabytes.
GLUTTON = "data.l.map(x, data.l.map(y, data.s + string(x) + string(y))).size() > 0"
HEAVY = orjson.dumps({"l": list(range(90)), "s": "a" * 200_000})


Children: TypeAlias = Callable[[], list[psutil.Process]]


@pytest.fixture
def children() -> Children:
    """Return what was started since; other tests in this process may have left some."""

    def workers() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if "edurelay.conditions.worker" in each.cmdline()]

    before = {each.pid for each in workers()}
    return lambda: [each for each in workers() if each.pid not in before]


@pytest.fixture
async def evaluator(children: Children) -> AsyncIterator[Evaluator]:
    async with Evaluator() as evaluator:
        yield evaluator


def question(*conditions: str, data: bytes = b'{"a":1}') -> Question:
    return Question(conditions, "student.created", None, "2026-01-15T10:30:00.000Z", data)


async def test_each_condition_of_each_event_is_answered_in_order(evaluator: Evaluator) -> None:
    answers = await evaluator.evaluate(
        [question("data.a == 1", "data.a == 2"), question(), question("data.a == 2", data=b'{"a":2}')]
    )
    assert answers == [[True, False], [], [True]]


async def test_one_that_fails_is_no_matter_to_the_others(evaluator: Evaluator) -> None:
    [[first, second, third]] = await evaluator.evaluate([question("data.b == 1", "data.a ==", "data.a == 1")])
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert third is True


async def test_one_that_takes_too_long_is_ended_and_the_others_are_answered(evaluator: Evaluator) -> None:
    answers = await evaluator.evaluate(
        [question("true", RUNAWAY, "size(data.l) == 90", data=HEAVY), question("data.a == 1")]
    )
    assert answers == [[True, TOO_COSTLY, True], [True]]


async def test_one_that_would_take_gigabytes_is_ended(evaluator: Evaluator, children: Children) -> None:
    [[answer], [other]] = await evaluator.evaluate([question(GLUTTON, data=HEAVY), question("true")])
    assert isinstance(answer, Failed)
    assert other is True
    [child] = children()
    assert child.rlimit(psutil.RLIMIT_AS) == (MEMORY, MEMORY)


async def test_the_event_loop_goes_on_while_a_condition_takes_its_time(evaluator: Evaluator) -> None:
    asked = asyncio.create_task(evaluator.evaluate([question(RUNAWAY, data=HEAVY)]))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert await asked == [[TOO_COSTLY]]
    assert turns > 100


async def test_the_largest_event_is_within_the_bounds(evaluator: Evaluator) -> None:
    data = orjson.dumps({"role": "student", "items": [{"id": n, "name": f"n{n}"} for n in range(9_000)]})
    assert len(data) > 200_000
    assert await evaluator.evaluate([question("data.role == 'student'", data=data)]) == [[True]]


@pytest.mark.parametrize("data", [b"{", b"", b'{"a":1},"conditions":[]', b"null"])
async def test_data_that_is_no_json_object_fails(evaluator: Evaluator, data: bytes) -> None:
    [[answer, again]] = await evaluator.evaluate([question("data.a == 1", "data.a == 1", data=data)])
    assert isinstance(answer, Failed)
    assert isinstance(again, Failed)
    assert not answer.costly


async def test_a_process_that_somebody_kills_is_nobodys_fault(evaluator: Evaluator, children: Children) -> None:
    await evaluator.evaluate([question("true")])
    [child] = children()
    os.kill(child.pid, signal.SIGKILL)
    assert await evaluator.evaluate([question("data.a == 1")]) == [[True]]


async def test_who_stops_asking_leaves_no_answers_to_the_next(evaluator: Evaluator) -> None:
    await evaluator.evaluate([question("true")])
    asked = asyncio.create_task(evaluator.evaluate([question("false")] * 500))
    await asyncio.sleep(0.001)
    asked.cancel()
    await asyncio.wait([asked])
    assert await evaluator.evaluate([question("true"), question("true")]) == [[True], [True]]


async def test_many_who_ask_at_once_get_their_own_answers(evaluator: Evaluator) -> None:
    answers = await asyncio.gather(*(evaluator.evaluate([question(f"data.a == {n % 2}")]) for n in range(50)))
    assert answers == [[[n % 2 == 1]] for n in range(50)]


async def test_the_process_knows_nothing_of_our_secrets_and_ends_with_us(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    monkeypatch.setenv("EDURELAY_SEAL_KEYS", "k1:secret")
    async with Evaluator() as evaluator:
        await evaluator.evaluate([question("true")])
        [child] = children()
        assert "EDURELAY_SEAL_KEYS" not in child.environ()
    assert children() == []
