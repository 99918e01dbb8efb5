"""What happens after an attempt. Pure: a decision is returned, nobody waits or writes here.

2xx delivers. 410 and the receiver's own word end the delivery; everything else is tried again by the schedule, not
before the receiver's `Retry-After`, until the schedule is used up (Standard Webhooks 1.0.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from edurelay_webhook_dispatcher.attempts import Attempt

#: The longest `Retry-After` that is honoured, in seconds.
LONGEST_RETRY_AFTER = 86_400.0
#: How long an endpoint is left alone at least that gets too much and does not say for how long, in seconds.
THROTTLE_SECONDS = 60.0
#: A pause is drawn from this share of it to both sides, so that what failed together does not return together.
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt follows in `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The delivery goes to the dead letters; `exhausted` says that it had its whole schedule."""

    reason: str
    exhausted: bool = False


Decision = Delivered | Retry | GiveUp


def decide(
    attempt: Attempt,
    *,
    number: int,
    schedule: Sequence[float],
    chance: float,
    now: float,
    at_most: int | None = None,
) -> Decision:
    """Judge attempt `number` (from 1) of a delivery.

    `schedule` holds the seconds before each attempt, `chance` is a number from 0 to 1 for the jitter, `now` the
    Unix time by which a date in `Retry-After` is judged. After `at_most` attempts there is no other, whatever the
    schedule says.
    """
    if attempt.succeeded:
        return Delivered()
    if attempt.farewell is not None:
        return GiveUp(attempt.farewell)
    if attempt.refuses_delivery:
        return GiveUp("the endpoint answered with webhook-delivery: abort-message")
    if number >= len(schedule):
        return GiveUp("every attempt of the schedule failed", exhausted=True)
    if at_most is not None and number >= at_most:
        return GiveUp("as many attempts failed as its order allows", exhausted=True)
    least = seconds_asked(attempt.retry_after, now)
    if attempt.throttles and not least:
        # Never longer than the schedule itself would ever wait: whoever asks for seconds gets seconds.
        least = min(THROTTLE_SECONDS, max(schedule))
    return Retry(max(schedule[number] * (1 - JITTER + 2 * JITTER * chance), least))


def seconds_asked(retry_after: str | None, now: float) -> float:
    """Return how long a `Retry-After` header asks to wait, from 0 to a day; 0 where it makes no sense."""
    if not retry_after:
        return 0.0
    text = retry_after.strip()
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _moment(text) - now
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _moment(text: str) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise ValueError(str(error)) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
