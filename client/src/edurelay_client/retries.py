"""When a call is tried again, and after how long. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Answers that say "not now"; each call may be repeated, since every POST carries an idempotency key.
RETRYABLE = frozenset({502, 503, 504})

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` attempts, the last of them begun within `seconds` from the first."""

    attempts: int = 6
    seconds: float = 30.0

    def pause(self, attempt: int, elapsed: float, retry_after: float | None = None) -> float | None:
        """Return the seconds to wait behind the failed attempt number `attempt` (from 1), or None to give up.

        What the API asks for is honoured in full: where that would take too long, there is no further attempt.
        """
        if attempt >= self.attempts:
            return None
        grown = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        pause = max(grown, retry_after or 0.0)
        return pause if elapsed + pause <= self.seconds else None


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Read a `Retry-After` header in either of its forms; None where it is missing or makes no sense."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip())
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
