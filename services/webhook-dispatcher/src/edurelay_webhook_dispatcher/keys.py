"""How deliveries are named.

A delivery's name says where its event stands in the log, so that it is the same after every crash, and sorts by
time within its endpoint, so that the history needs no index beside the primary key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

PREFIX = "dlv_"


@dataclass(frozen=True)
class DeliveryKey:
    """One delivery: `moment` is the event's log timestamp in milliseconds, `origin` its partition and offset
    (`3.1029`), behind the id of the replay where it is one, or of a test."""

    tenant: str
    endpoint: str
    moment: int
    origin: str

    @cached_property
    def stored(self) -> str:
        """The primary key of the document."""
        return f"{self.tenant}/{self.endpoint}/{self.moment:011x}-{self.origin}"

    @property
    def text(self) -> str:
        """The id that the API shows."""
        return f"{PREFIX}{self.moment:011x}-{self.origin}-{self.endpoint}"

    @property
    def position(self) -> tuple[int, int] | None:
        """Where the event stands in the log, as partition and offset; None for one that was never published."""
        *_, partition, offset = ["", *self.origin.split(".")]
        return (int(partition), int(offset)) if partition.isdigit() and offset.isdigit() else None

    @classmethod
    def parse(cls, tenant: str, text: str) -> Self | None:
        """Read an id of the API, of which the tenant is no part; None where it is no such id."""
        moment, _, rest = text.removeprefix(PREFIX).partition("-")
        origin, _, endpoint = rest.partition("-")
        if not text.startswith(PREFIX) or not origin or not endpoint:
            return None
        try:
            return cls(tenant, endpoint, int(moment, 16), origin)
        except ValueError:
            return None

    @classmethod
    def from_stored(cls, stored: str) -> Self:
        """Read a primary key."""
        tenant, endpoint, rest = stored.split("/", 2)
        moment, _, origin = rest.partition("-")
        return cls(tenant, endpoint, int(moment, 16), origin)


def event_origin(partition: int, offset: int) -> str:
    """Return the origin of what an event itself brings about."""
    return f"{partition}.{offset}"


def replay_origin(replay: str, partition: int, offset: int) -> str:
    """Return the origin of what a replay brings about."""
    return f"{replay}.{partition}.{offset}"
