"""One delivery on its way through the dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edurelay.messages.deliveries import DeliveryStatus
from edurelay_webhook_dispatcher.blocks import Ticket
from edurelay_webhook_dispatcher.history import attempts_made
from edurelay_webhook_dispatcher.keys import DeliveryKey


@dataclass(slots=True, eq=False)
class Work:
    """A delivery that has to be attempted.

    `attempts` are the last of those made before, as they are stored; the first `forgiven` of all count no more since
    the delivery was redelivered. `ids` is the connection whose ids have yet to be put into the body. `recorded` is True
    where the store knows the delivery, or is about to; `claimed` where it was leased from the store; `ticket` has its
    number in the endpoint's stream; `chain` names the deliveries among which it keeps its place (see `chains`).
    `settled` is called, once, when the store knows how it stands, so that the log may forget it. `since` is the
    monotonic moment from which it waits, `begun` that at which its attempt began, `leased` that at which the store was
    last told that it is in hand.
    """

    key: DeliveryKey
    event_id: str
    event_type: str
    body: bytes
    since: float
    traceparent: str | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    forgiven: int = 0
    ids: str | None = None
    subject: str | None = None
    chain: str | None = None
    recorded: bool = False
    claimed: bool = False
    ticket: Ticket | None = None
    begun: float | None = None
    leased: float | None = None
    settled: Callable[[], None] | None = None

    @property
    def made(self) -> int:
        """How many attempts were made of the schedule, since the delivery began or was last redelivered."""
        return attempts_made(self.attempts) - self.forgiven

    def settle(self) -> None:
        """Say that the store knows the delivery."""
        settled, self.settled = self.settled, None
        if settled is not None:
            settled()


@dataclass(frozen=True, slots=True)
class State:
    """Where an attempt, or the decision not to make one yet, leaves a delivery. `due` is a Unix time; one that `waits`
    does so for an earlier one of its chain, and for one that is `parked`, a dead letter, its chain waits."""

    status: DeliveryStatus
    due: float | None = None
    reason: str | None = None
    waits: bool = False
    parked: bool = False

    @property
    def delivered(self) -> bool:
        """True where the delivery arrived."""
        return self.status is DeliveryStatus.DELIVERED

    @property
    def dead(self) -> bool:
        """True where the delivery is a dead letter."""
        return self.status is DeliveryStatus.DEAD_LETTERED

    @property
    def over(self) -> bool:
        """True where nothing waits for the delivery any more."""
        return self.delivered or (self.dead and not self.parked)


class Countdown:
    """Calls `done` when it was told `count` times; what a message waits for until its offset may be committed."""

    __slots__ = ("_count", "_done")

    def __init__(self, count: int, done: Callable[[], None]) -> None:
        self._count = count
        self._done = done

    def __call__(self) -> None:
        self._count -= 1
        if self._count == 0:
            self._done()
