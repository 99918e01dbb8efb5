"""What receivers of both kinds are made of."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

from edurelay_client.receiver.answers import NotNow
from edurelay_client.receiver.desk import MAX_BYTES, Desk, Secrets
from edurelay_client.receiver.seen import Claim, Seen, SeenInMemory
from edurelay_client.verification import Profile

H = TypeVar("H")
Q = TypeVar("Q")


class BaseReceiver(Generic[H, Q]):
    """Hands each genuine event to `handle` once, and answers 204 once that has returned.

    So what was answered 2xx is handled, whatever dies when; what `handle` raises is the framework's to log and to
    answer with 500, and the event comes again. `NotNow` from it is answered 503 with `Retry-After`.

    With `background`, up to so many events wait in memory for `handle`, one after the other, and are answered at
    once. Then a 2xx promises nothing: what waits when the process dies, or fails in `handle`, has to be redelivered
    or replayed by hand. `close` gives what waits `drain_seconds`.

    `tolerance` and `profile` are as in `verify`. Raises `ValueError` where `secrets` cannot be secrets.
    """

    def __init__(
        self,
        secrets: Secrets,
        handle: H,
        *,
        seen: Seen | None = None,
        background: int = 0,
        drain_seconds: float = 10.0,
        max_bytes: int = MAX_BYTES,
        tolerance: float = 300,
        profile: Profile = Profile.STANDARD,
    ) -> None:
        self._desk = Desk(secrets, max_bytes=max_bytes, tolerance=tolerance, profile=profile)
        self._handle = handle
        self._seen = seen or SeenInMemory()
        self._drain_seconds = drain_seconds
        self._waiting = self._new_queue(background) if background else None
        self._closing = False

    @abstractmethod
    def _new_queue(self, most: int) -> Q:
        """Return a queue for so many events."""


def is_new(claim: Claim) -> bool:
    """Tell whether an event is to be handled. Raises `NotNow` while somebody else handles it: that may fail."""
    if claim is Claim.UNDER_WAY:
        raise NotNow("the same event is being handled", retry_after=5)
    return claim is Claim.NEW


def no_room() -> NotNow:
    """Return the refusal of an event for which there is no room in the background."""
    return NotNow("too much waits to be handled", retry_after=5)
