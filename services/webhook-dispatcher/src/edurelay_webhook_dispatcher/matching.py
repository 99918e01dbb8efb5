"""Which endpoints want events of a type. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from edurelay.events.operational import NAMES as OPERATIONAL
from edurelay.events.patterns import matches


class Subscriber(Protocol):
    """What matching has to know of an endpoint."""

    @property
    def id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def event_types(self) -> Sequence[str]: ...


S = TypeVar("S", bound=Subscriber)


def _wants(pattern: str, event_type: str) -> bool:
    """As `matches`, but that `*` alone takes nothing that Edurelay tells of its own work."""
    return matches(pattern, event_type) and not (pattern == "*" and event_type in OPERATIONAL)


class Subscribers(Generic[S]):
    """The enabled endpoints, by tenant. What a type matches is worked out once and remembered until a change."""

    def __init__(self) -> None:
        self._by_tenant: defaultdict[str, dict[str, S]] = defaultdict(dict)
        self._remembered: dict[tuple[str, str], tuple[S, ...]] = {}

    def put(self, subscriber: S) -> None:
        """Add an endpoint, or replace it."""
        self._by_tenant[subscriber.tenant][subscriber.id] = subscriber
        self._remembered.clear()

    def remove(self, tenant: str, subscriber_id: str) -> None:
        """Take an endpoint out, where it is in."""
        self._by_tenant[tenant].pop(subscriber_id, None)
        self._remembered.clear()

    def has(self, tenant: str, subscriber_id: str) -> bool:
        """Return True if the endpoint is in."""
        return subscriber_id in self._by_tenant.get(tenant, {})

    def matching(self, tenant: str, event_type: str) -> tuple[S, ...]:
        """Return the tenant's endpoints that take events of this type."""
        found = self._remembered.get((tenant, event_type))
        if found is None:
            found = tuple(
                subscriber
                for subscriber in self._by_tenant.get(tenant, {}).values()
                if any(_wants(pattern, event_type) for pattern in subscriber.event_types)
            )
            if len(self._remembered) > 10_000:
                self._remembered.clear()
            self._remembered[tenant, event_type] = found
        return found
