"""Which endpoints get an event."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from edurelay.conditions.evaluator import (
    NOTHING_LEFT,
    OVERDRAWN,
    TOO_COSTLY,
    Answer,
    Evaluator,
    Failed,
    Question,
)
from edurelay.conditions.shares import Shares
from edurelay.events.envelope import Event
from edurelay_webhook_dispatcher.choice import LONGEST_REST, REST, RESTING, Choice
from edurelay_webhook_dispatcher.credentials import Credentials
from edurelay_webhook_dispatcher.endpoint import Endpoint
from unit.dispatcher.subscribing import subscription

EVENT = Event("evt_1", "student.created", "/", "t", "2026-01-15T10:30:00.000Z", b'{"n":1}')
OTHER = Event("evt_2", "student.created", "/", "t", "2026-01-15T10:30:00.000Z", b'{"n":2}')


def endpoint(endpoint_id: str, condition: str | None = None) -> Endpoint:
    return Endpoint(subscription(endpoint_id, condition=condition), (), (), Credentials(None))


@dataclass
class Failures:
    """Keeps what would be told."""

    noted: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, endpoint: Endpoint, event_id: str, reason: str) -> None:
        self.noted.append((endpoint.id, event_id, reason))


@dataclass
class Scripted:
    """Answers by the condition's text, and keeps what was asked."""

    answers: dict[str, Answer]
    asked: list[str] = field(default_factory=list)

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        self.asked += [text for question in questions for text in question.conditions]
        return [[self.answers[text] for text in question.conditions] for question in questions]


def choice_of(
    answers: dict[str, Answer], clock: Callable[[], float] = time.monotonic
) -> tuple[Choice, Scripted, Failures]:
    scripted, failures = Scripted(answers), Failures()
    return Choice(scripted, failures, clock), scripted, failures  # type: ignore[arg-type]


async def test_without_conditions_nobody_is_asked() -> None:
    choice, scripted, _ = choice_of({})
    one, two = endpoint("one"), endpoint("two")
    assert await choice.of([(EVENT, (one, two)), (OTHER, ())]) == [(one, two), ()]
    assert scripted.asked == []


async def test_who_has_a_condition_gets_what_it_holds_for() -> None:
    every, odd, failing = endpoint("every"), endpoint("odd", "data.n == 1"), endpoint("failing", "data.m == 1")
    async with Evaluator() as evaluator:
        failures = Failures()
        choice = Choice(evaluator, failures)  # type: ignore[arg-type]
        chosen = await choice.of([(EVENT, (failing, every, odd)), (OTHER, (failing, odd, every))])
    assert chosen == [(every, odd), (every,)]
    assert [(name, event) for name, event, _ in failures.noted] == [("failing", "evt_1"), ("failing", "evt_2")]
    assert all("Key not found" in reason for _, _, reason in failures.noted)


async def test_one_that_costs_too_much_rests_longer_each_time_and_counts_as_failing() -> None:
    now = 1000.0
    choice, scripted, failures = choice_of({"heavy": TOO_COSTLY, "light": True}, lambda: now)
    heavy, light = endpoint("heavy", "heavy"), endpoint("light", "light")
    rest = REST
    for round_ in range(1, 10):
        assert await choice.of([(EVENT, (heavy, light))]) == [(light,)]
        now += rest - 1
        assert await choice.of([(OTHER, (heavy, light))]) == [(light,)]
        assert scripted.asked.count("heavy") == round_
        assert failures.noted[-2:] == [("heavy", "evt_1", TOO_COSTLY.reason), ("heavy", "evt_2", RESTING.reason)]
        now += 2
        rest = min(2 * rest, LONGEST_REST)


async def test_another_condition_does_not_pay_for_the_one_before() -> None:
    choice, scripted, _ = choice_of({"heavy": TOO_COSTLY, "light": True, "wrong": Failed("it is wrong")})
    await choice.of([(EVENT, (endpoint("ep", "heavy"),))])
    mended = endpoint("ep", "light")
    assert await choice.of([(EVENT, (mended,))]) == [(mended,)]
    await choice.of([(EVENT, (endpoint("ep", "wrong"),))])
    await choice.of([(EVENT, (endpoint("ep", "wrong"),))])
    assert scripted.asked == ["heavy", "light", "wrong", "wrong"], "only what costs too much rests"


async def test_what_goes_beyond_the_tenants_share_rests_and_what_was_not_evaluated_for_it_does_not() -> None:
    choice, scripted, failures = choice_of({"slow": OVERDRAWN, "light": NOTHING_LEFT})
    slow, light = endpoint("slow", "slow"), endpoint("light", "light")
    assert await choice.of([(EVENT, (slow, light))]) == [()]
    scripted.answers["light"] = True
    assert await choice.of([(OTHER, (slow, light))]) == [(light,)]
    assert scripted.asked == ["slow", "light", "light"]
    assert failures.noted == [
        ("slow", "evt_1", OVERDRAWN.reason),
        ("light", "evt_1", NOTHING_LEFT.reason),
        ("slow", "evt_2", RESTING.reason),
    ]


async def test_the_conditions_of_a_tenant_take_no_more_for_its_first_events_than_its_share() -> None:
    condition = "data.l.all(x, data.l.all(y, !data.s.contains('ab')))"
    heavy = [endpoint(f"heavy{n}", f"{condition} || data.n == {n}") for n in range(20)]
    data = orjson.dumps({"l": list(range(90)), "s": "a" * 200_000})
    costly = [replace(EVENT, id=f"evt_{n}", data=data) for n in range(3)]
    light = endpoint("light", "data.n == 2")
    async with Evaluator(Shares(lambda: 0.0)) as evaluator:
        failures = Failures()
        choice = Choice(evaluator, failures, lambda: 0.0)  # type: ignore[arg-type]
        chosen = await choice.of([*((each, heavy) for each in costly), (replace(OTHER, tenant="other"), (light,))])
    assert chosen == [(), (), (), (light,)]
    reasons = Counter(reason for _, _, reason in failures.noted)
    assert reasons == {TOO_COSTLY.reason: 3 * 4, NOTHING_LEFT.reason: 3 * 16}
