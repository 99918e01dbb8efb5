"""What an endpoint chooses by: its condition, which is compiled before it is kept, and tried on an example."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from weakref import WeakValueDictionary

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edurelay.conditions.evaluator import Evaluator, Failed, Question
from edurelay.conditions.language import MAX_LENGTH, Condition
from edurelay.events.envelope import now
from edurelay.events.patterns import EVENT_TYPE, EVENT_TYPE_LENGTH
from edurelay_gateway.errors import ExampleFailed, TooManyTrials
from edurelay_gateway.moments import Moment

#: How many trials of a tenant may wait for their turn, or have it.
TRIALS = 10


def compiled(text: str) -> str:
    """Return the text of a condition. Raises `ValueError`, with the compiler's words and the place, for another."""
    Condition(text)
    return text


ConditionText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH), AfterValidator(compiled)]


class Example(BaseModel):
    """An event as a condition sees it. Without a `time` it happens now."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, StringConstraints(pattern=rf"^{EVENT_TYPE}$", max_length=EVENT_TYPE_LENGTH)]
    data: dict[str, Any]
    subject: Annotated[str, StringConstraints(max_length=256)] | None = None
    time: Moment | None = None


class ConditionTrial(BaseModel):
    """A condition, and an event to try it on."""

    model_config = ConfigDict(extra="forbid")

    condition: ConditionText
    example: Example


class ConditionTried(BaseModel):
    """Whether the condition holds for the example: null where it could not be evaluated, for the reason in `error`. An
    endpoint with this condition would get the example where this is true."""

    matched: bool | None
    error: str | None = None


class ConditionFailure(BaseModel):
    """How often a condition failed, and when, why and for which event it did so last."""

    count: int
    at: str
    reason: str
    event_id: str


class ConditionFailures(BaseModel):
    """The dispatcher's word that a condition failed `count` more times, with the last of them."""

    condition: str = Field(min_length=1, max_length=MAX_LENGTH)
    count: int = Field(ge=1)
    at: str = Field(max_length=64)
    reason: str = Field(max_length=1000)
    event_id: str = Field(max_length=256)


class Conditions:
    """Tries conditions on examples, one of each tenant at a time."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        #: How many trials of each tenant wait for their turn, or have it.
        self._trials: Counter[str] = Counter()
        #: Each tenant stands in line once, however many of its trials wait.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def try_out(self, tenant: str, condition: str, example: Example) -> ConditionTried:
        """Return whether the condition holds for the example. Raises `TooManyTrials`."""
        moment = example.time or now()
        question = Question(tenant, [condition], example.type, example.subject, moment, orjson.dumps(example.data))
        with self._place_of(tenant):
            async with self._turns.setdefault(tenant, asyncio.Lock()):
                [[answer]] = await self._evaluator.evaluate([question])
        if isinstance(answer, Failed):
            return ConditionTried(matched=None, error=answer.reason)
        return ConditionTried(matched=answer)

    async def example_matches(self, tenant: str, condition: str | None, example: Example | None) -> bool | None:
        """Return whether the condition holds for the example that came with it, None without one. Raises
        `ExampleFailed`, `TooManyTrials`."""
        if example is None:
            return None
        if condition is None:
            raise ExampleFailed("There is no condition to try the example on.", field="condition_example")
        tried = await self.try_out(tenant, condition, example)
        if tried.error is not None:
            raise ExampleFailed(f"The condition fails for the example: {tried.error}", field="condition")
        return tried.matched

    @contextmanager
    def _place_of(self, tenant: str) -> Iterator[None]:
        if self._trials[tenant] >= TRIALS:
            raise TooManyTrials(TRIALS)
        self._trials[tenant] += 1
        try:
            yield
        finally:
            self._trials[tenant] -= 1
            if not self._trials[tenant]:
                del self._trials[tenant]
