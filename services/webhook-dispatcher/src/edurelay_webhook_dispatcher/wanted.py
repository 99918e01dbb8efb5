"""What somebody who looks back wants to see: of which types, about what, from when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edurelay.events.ids import SKEW_MS, earliest_key
from edurelay.events.patterns import matches
from edurelay.mongo import Document
from edurelay_webhook_dispatcher.keys import DeliveryKey

#: How many entries or deliveries one request looks at, at most.
EXAMINED: Final = 2000
#: By how much the moment in an event's id may be before that at which the log took the event, in milliseconds: a hub
#: whose log was away goes on later.
DELAY_MS: Final = 86_400_000

_LATEST_MS: Final = 0xFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything, or what all of the given hold for. `types` are patterns of which one has to match; `since` (included)
    and `until` (not included) are milliseconds of the log's time."""

    types: Sequence[str] = ()
    subject: str | None = None
    since: int | None = None
    until: int | None = None

    def takes(self, type_: str, subject: str | None, moment: int) -> bool:
        """Return True if an event of this type, about this subject, from this moment is wanted."""
        if self.subject not in (None, subject):
            return False
        if not (self.since or 0) <= moment or (self.until is not None and moment >= self.until):
            return False
        return not self.types or any(matches(pattern, type_) for pattern in self.types)

    @property
    def since_key(self) -> str:
        """A key before that of every wanted event, or an empty text."""
        return "" if self.since is None else earliest_key(_within(self.since - DELAY_MS))

    @property
    def until_key(self) -> str | None:
        """A key behind that of every wanted event; None where there is none."""
        return None if self.until is None else earliest_key(_within(self.until + SKEW_MS))


@dataclass(frozen=True, slots=True)
class WantedDeliveries:
    """Those of events that are wanted, to one endpoint or in one status only where these are given."""

    events: Wanted = Wanted()
    endpoint: str | None = None
    status: str | None = None

    def takes(self, delivery: Document) -> bool:
        """Return True if the delivery is wanted."""
        if self.endpoint not in (None, delivery["endpoint"]) or self.status not in (None, delivery["status"]):
            return False
        moment = DeliveryKey.from_stored(delivery["_id"]).moment
        return self.events.takes(delivery["type"], delivery.get("subject"), moment)

    def keys(self, tenant: str, before: str | None) -> Document:
        """Return the range of the primary keys of what may be wanted, from behind `before`; a cursor from anywhere
        else cannot widen it."""
        prefix = f"{tenant}/{self.endpoint}" if self.endpoint else tenant
        first, end = f"{prefix}/", f"{prefix}0"  # The character behind the slash.
        if self.endpoint and self.events.since is not None:
            first = f"{prefix}/{_within(self.events.since):011x}-"
        if self.endpoint and self.events.until is not None:
            end = f"{prefix}/{_within(self.events.until):011x}-"
        return {"$gt": first, "$lt": min(before, end) if before else end}

    def behind(self, stored: str) -> str:
        """Return the key to go on behind after this one, which leaves out what cannot be wanted."""
        key = DeliveryKey.from_stored(stored)
        endpoint = f"{key.tenant}/{key.endpoint}/"
        if self.events.since is not None and key.moment < self.events.since:
            return endpoint
        if self.events.until is not None and key.moment >= self.events.until:
            return min(stored, f"{endpoint}{_within(self.events.until):011x}-")
        return stored


def _within(moment: int) -> int:
    return min(max(moment, 0), _LATEST_MS)
