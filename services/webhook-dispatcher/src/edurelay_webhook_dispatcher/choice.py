"""Which endpoints get an event: those that want its type, and whose condition holds for it.

A condition that fails does not hold; that is counted and told, and concerns nobody else. One that costs more than it
may, by itself or with the tenant's others, is left out for a while, since all tenants share the process that evaluates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edurelay.conditions.evaluator import Answer, Evaluator, Failed, Question
from edurelay.events.envelope import Event
from edurelay.runtime.metrics import CONDITIONS
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.failures import ConditionFailures

#: An event, and the endpoints that want its type.
Match: TypeAlias = tuple[Event, Sequence[Endpoint]]

#: How long a condition that costs too much is left out, in seconds, the first time and at most.
REST = 60.0
LONGEST_REST = 3600.0

RESTING = Failed("it took more than it may for an event before, and is left out for a while")


@dataclass(frozen=True, slots=True)
class _Rest:
    condition: str
    seconds: float
    until: float


class Choice:
    """Asks the conditions."""

    def __init__(
        self, evaluator: Evaluator, failures: ConditionFailures, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._evaluator = evaluator
        self._failures = failures
        self._clock = clock
        #: The conditions that are left out, by endpoint, until a monotonic moment.
        self._resting: dict[str, _Rest] = {}

    async def of(self, matches: Sequence[Match]) -> list[tuple[Endpoint, ...]]:
        """Return, for each event, the endpoints that get it."""
        asked = [self._asked(endpoints) for _, endpoints in matches]
        if any(asked):
            questions = [
                Question(each.tenant, list(conditions.values()), each.type, each.subject, each.time, each.data)
                for (each, _), conditions in zip(matches, asked, strict=True)
            ]
            answers = await self._evaluator.evaluate(questions)
        else:
            answers = [[] for _ in matches]
        return [
            self._chosen(event, endpoints, dict(zip(of, told, strict=True)))
            for (event, endpoints), of, told in zip(matches, asked, answers, strict=True)
        ]

    def _asked(self, endpoints: Sequence[Endpoint]) -> dict[str, str]:
        """Return the conditions that have to be evaluated, by their endpoint's id."""
        return {
            endpoint.id: condition
            for endpoint in endpoints
            if (condition := endpoint.subscription.condition) is not None and not self._rests(endpoint.id, condition)
        }

    def _chosen(
        self, event: Event, endpoints: Sequence[Endpoint], answers: Mapping[str, Answer]
    ) -> tuple[Endpoint, ...]:
        return tuple(
            endpoint
            for endpoint in endpoints
            if endpoint.subscription.condition is None
            or self._holds(event, endpoint, endpoint.subscription.condition, answers.get(endpoint.id, RESTING))
        )

    def _holds(self, event: Event, endpoint: Endpoint, condition: str, answer: Answer) -> bool:
        if isinstance(answer, Failed):
            if answer.costly:
                self._rest(endpoint.id, condition)
            CONDITIONS.of("failed").inc()
            self._failures.note(endpoint, event.id, answer.reason)
            return False
        CONDITIONS.of("held" if answer else "did_not_hold").inc()
        return answer

    def _rests(self, endpoint_id: str, condition: str) -> bool:
        rest = self._resting.get(endpoint_id)
        return rest is not None and rest.condition == condition and rest.until > self._clock()

    def _rest(self, endpoint_id: str, condition: str) -> None:
        before = self._resting.get(endpoint_id)
        again = before is not None and before.condition == condition
        seconds = min(2 * before.seconds, LONGEST_REST) if before and again else REST
        self._resting[endpoint_id] = _Rest(condition, seconds, self._clock() + seconds)
