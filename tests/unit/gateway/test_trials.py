"""How many conditions a tenant may try at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from edurelay.conditions.evaluator import Answer, Question
from edurelay_gateway.endpoints.choosing import TRIALS, Conditions, ConditionTried, Example
from edurelay_gateway.errors import TooManyTrials
from edurelay_gateway.problems import PROBLEMS

EXAMPLE = Example(type="grade.updated", data={})


class Busy:
    """Answers once it is let, and keeps who asked."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked: list[str] = []

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        self.asked += [question.tenant for question in questions]
        await self.let.wait()
        return [[True] for _ in questions]


async def test_a_tenant_that_tries_many_at_a_time_is_refused_and_nobody_else_is() -> None:
    busy = Busy()
    conditions = Conditions(busy)  # type: ignore[arg-type]
    waiting = [asyncio.create_task(conditions.try_out("t", "true", EXAMPLE)) for _ in range(TRIALS)]
    other = asyncio.create_task(conditions.try_out("other", "true", EXAMPLE))
    await asyncio.sleep(0)
    assert busy.asked == ["t", "other"], "each tenant stands in line once"
    with pytest.raises(TooManyTrials):
        await conditions.try_out("t", "true", EXAMPLE)
    with pytest.raises(TooManyTrials):
        await conditions.example_matches("t", "true", EXAMPLE)
    busy.let.set()
    assert await asyncio.gather(*waiting, other) == [ConditionTried(matched=True)] * (TRIALS + 1)
    assert await conditions.example_matches("t", "true", EXAMPLE) is True


def test_the_refusal_says_when_to_come_back() -> None:
    told = PROBLEMS[TooManyTrials](TooManyTrials(TRIALS))
    assert (told.status, told.code, told.headers) == (429, "too_many_trials", {"Retry-After": "1"})
