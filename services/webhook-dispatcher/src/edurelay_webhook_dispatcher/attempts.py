"""What came of one attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The answers by which a receiver says that it gets too much, or that nothing behind it answers (Standard Webhooks
#: 1.0.0). An answer that does not come in time says the same.
THROTTLING = frozenset({429, 502, 504})


def is_success(status: int | None) -> bool:
    """Return whether a receiver that answered so took the delivery: any 2xx, and nothing else."""
    return status is not None and 200 <= status <= 299


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt. `at` is Unix time, `seconds` the whole exchange, `status` None without an answer;
    `retry_after` and `wish` are the answer's headers `Retry-After` and `webhook-delivery`. `sent` and `got` are what
    may be shown of the headers of the request and of the answer, `phases` where the time went, in milliseconds."""

    at: float
    seconds: float
    status: int | None = None
    error: str | None = None
    timed_out: bool = False
    retry_after: str | None = None
    wish: str | None = None
    excerpt: str = ""
    sent: Mapping[str, str] = field(default_factory=dict)
    got: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """True where the receiver took the delivery."""
        return is_success(self.status)

    @property
    def throttles(self) -> bool:
        """True where the endpoint is to get less."""
        return self.timed_out or self.status in THROTTLING

    @property
    def farewell(self) -> str | None:
        """Why the endpoint is to get nothing any more; None where it did not say so."""
        if self.status == 410:
            return "the endpoint answered 410 Gone"
        if self._wishes("disable"):
            return "the endpoint answered with webhook-delivery: disable"
        return None

    @property
    def refuses_delivery(self) -> bool:
        """True where the receiver wants this delivery never again, whatever else it wants."""
        return self._wishes("abort-message")

    def _wishes(self, wish: str) -> bool:
        return self.wish is not None and self.wish.strip().lower() == wish
