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

from edurelay.conditions import evaluator as module
from edurelay.conditions.evaluator import NOTHING_LEFT, OVERDRAWN, TOO_COSTLY, Evaluator, Failed, Question
from edurelay.conditions.shares import BURST, Shares
from edurelay.conditions.worker import MEMORY

#: Within the iterations that the runtime allows, and yet seconds of work.
RUNAWAY = "data.l.all(x, data.l.all(y, data.s.contains('ab') == false))"
#: Within them as well, and gigabytes.
GLUTTON = "data.l.map(x, data.l.map(y, data.s + string(x) + string(y))).size() > 0"
HEAVY = orjson.dumps({"l": list(range(90)), "s": "a" * 200_000})
#: Far more than an event brings by itself, and far less than what ends the process.
SLOW = "!data.l.exists(x, data.l.exists(y, data.s.contains('aaaaaaab')))"
SLOWED = orjson.dumps({"l": list(range(90)), "s": "a" * 700})


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


def question(*conditions: str, data: bytes = b'{"a":1}', tenant: str = "t") -> Question:
    return Question(tenant, conditions, "student.created", None, "2026-01-15T10:30:00.000Z", data)


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


async def test_one_that_takes_too_long_costs_only_one_process_and_its_tenant_only_once() -> None:
    shares = Shares(lambda: 0.0)
    async with Evaluator(shares) as evaluator:
        asked = [question("data.l.size() > 1", RUNAWAY, "data.s != ''", data=HEAVY) for _ in range(10)]
        answers = await evaluator.evaluate([*asked, question("true", tenant="other")])
    assert answers == [[True, TOO_COSTLY, True]] * 10 + [[True]]
    assert shares.left("t") > 0.0


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


async def test_the_very_first_event_takes_no_more_than_the_tenants_share() -> None:
    async with Evaluator(Shares(lambda: 0.0)) as evaluator:
        [answers, other] = await evaluator.evaluate(
            [
                question(*(f"{RUNAWAY} || data.n == {n}" for n in range(20)), data=HEAVY),
                question("data.a == 1", tenant="other"),
            ]
        )
    assert answers == [TOO_COSTLY] * 4 + [NOTHING_LEFT] * 16
    assert other == [True]


async def test_what_goes_beyond_the_share_fails_and_what_stands_behind_it_is_not_evaluated() -> None:
    shares = Shares(lambda: 0.0)
    async with Evaluator(shares) as evaluator:
        await evaluator.evaluate([question("true")])
        shares.take("t", BURST)
        answers = await evaluator.evaluate(
            [
                question("true", SLOW, "true", data=SLOWED),
                question("true", tenant="other"),
                question("true"),
                question(SLOW, data=SLOWED, tenant="other"),
            ]
        )
        assert answers == [[True, OVERDRAWN, NOTHING_LEFT], [True], [NOTHING_LEFT], [True]]
        assert shares.left("t") < 0.0 < shares.left("other") < BURST


async def test_a_share_comes_back_with_time() -> None:
    now = 0.0
    shares = Shares(lambda: now)
    async with Evaluator(shares) as evaluator:
        shares.take("t", BURST + 1.0)
        assert await evaluator.evaluate([question(SLOW, data=SLOWED)]) == [[NOTHING_LEFT]]
        now = 3600.0
        assert await evaluator.evaluate([question(SLOW, data=SLOWED)]) == [[True]]


async def test_a_tenant_with_ordinary_conditions_is_never_counted() -> None:
    shares = Shares(lambda: 0.0)
    async with Evaluator(shares) as evaluator:
        for _ in range(10):
            answers = await evaluator.evaluate([question("data.a == 1", "data.a < 1 || type == 'a.b'")] * 100)
            assert answers == [[True, False]] * 100
    assert len(shares) == 0


async def test_whose_conditions_are_slow_lets_others_have_their_turn(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURN", 0.001)
    slow = asyncio.create_task(evaluator.evaluate([question(SLOW, data=SLOWED)] * 8))
    await asyncio.sleep(0)
    assert await evaluator.evaluate([question("true", tenant="other")]) == [[True]]
    assert not slow.done()
    assert await slow == [[True]] * 8, "who waits is answered in the end"


async def test_who_has_to_wait_for_another_turn_is_not_taken_for_who_ended_the_process(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TURN", 0.001)
    answers = await evaluator.evaluate(
        [question(SLOW, SLOW, SLOW, data=SLOWED), question(RUNAWAY, "true", data=HEAVY, tenant="other")]
    )
    assert answers == [[True] * 3, [TOO_COSTLY, True]]


async def test_the_process_knows_nothing_of_our_secrets_and_ends_with_us(
    monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    monkeypatch.setenv("EDURELAY_SEAL_KEYS", "k1:secret")
    async with Evaluator() as evaluator:
        await evaluator.evaluate([question("true")])
        [child] = children()
        assert "EDURELAY_SEAL_KEYS" not in child.environ()
    assert children() == []
