"""Which endpoints want events of a type. Pure.

A tenant may have ten thousand patterns. Each is a bit, and a type is looked up for all of them at once: at each of its
parts those drop out that say something else there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from edurelay.events.operational import NAMES as OPERATIONAL

#: For how many types it is remembered what a tenant's endpoints want. A type may be anything that a publisher makes up.
REMEMBERED: Final = 1_000

#: What a pattern says of a place in a type: the part that stands there, or `*` for any.
_Mark: TypeAlias = tuple[int, str]
#: In place of the part, and no part can be: that the type ends here, or goes on with whatever it likes.
_END, _REST = ".", ".*"


class Subscriber(Protocol):
    """What matching has to know of an endpoint."""

    @property
    def id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def event_types(self) -> Sequence[str]: ...


S = TypeVar("S", bound=Subscriber)


class Subscribers(Generic[S]):
    """The enabled endpoints, by tenant. What a type matches is worked out once and remembered until a change."""

    def __init__(self) -> None:
        self._by_tenant: dict[str, _Tenant[S]] = {}

    def put(self, subscriber: S) -> None:
        """Add an endpoint, or replace it."""
        self._by_tenant.setdefault(subscriber.tenant, _Tenant()).put(subscriber)

    def remove(self, tenant: str, subscriber_id: str) -> None:
        """Take an endpoint out, where it is in."""
        if self.has(tenant, subscriber_id):
            self._by_tenant[tenant].remove(subscriber_id)
            if not self._by_tenant[tenant].subscribers:
                del self._by_tenant[tenant]

    def has(self, tenant: str, subscriber_id: str) -> bool:
        """Return True if the endpoint is in."""
        return tenant in self._by_tenant and subscriber_id in self._by_tenant[tenant].subscribers

    def matching(self, tenant: str, event_type: str) -> tuple[S, ...]:
        """Return the tenant's endpoints that take events of this type, in the order in which they were added."""
        return self._by_tenant[tenant].matching(event_type) if tenant in self._by_tenant else ()


class _Tenant(Generic[S]):
    """The endpoints of one tenant, each with the bits of its patterns."""

    def __init__(self) -> None:
        self.subscribers: dict[str, tuple[S, int]] = {}
        self._patterns = _Patterns()
        self._remembered: dict[str, tuple[S, ...]] = {}

    def put(self, subscriber: S) -> None:
        former, bits = self.subscribers.get(subscriber.id, (None, 0))
        if former is None or former.event_types != subscriber.event_types:
            if former is not None:
                self._patterns.remove(former.event_types, bits)
            bits = self._patterns.add(subscriber.event_types)
        self.subscribers[subscriber.id] = (subscriber, bits)
        self._remembered.clear()

    def remove(self, subscriber_id: str) -> None:
        subscriber, bits = self.subscribers.pop(subscriber_id)
        self._patterns.remove(subscriber.event_types, bits)
        self._remembered.clear()

    def matching(self, event_type: str) -> tuple[S, ...]:
        found = self._remembered.get(event_type)
        if found is None:
            taking = self._patterns.taking(event_type)
            found = tuple(subscriber for subscriber, bits in self.subscribers.values() if bits & taking)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[event_type] = found
        return found


class _Patterns:
    """Patterns of several endpoints, a bit each."""

    def __init__(self) -> None:
        #: The bits of the patterns that have a mark.
        self._bits: dict[_Mark, int] = {}
        #: The places of the bits that are no pattern's any more, and the first that never was.
        self._free: list[int] = []
        self._unused = 0

    def add(self, patterns: Sequence[str]) -> int:
        """Add an endpoint's patterns, and return their bits."""
        bits = 0
        for pattern in patterns:
            if not self._free:
                self._free.append(self._unused)
                self._unused += 1
            bit = 1 << self._free.pop()
            for mark in _marks(pattern):
                self._bits[mark] = self._bits.get(mark, 0) | bit
            bits |= bit
        return bits

    def remove(self, patterns: Sequence[str], bits: int) -> None:
        """Take out an endpoint's patterns, which have these bits."""
        for mark in {mark for pattern in patterns for mark in _marks(pattern)}:
            self._bits[mark] &= ~bits
            if not self._bits[mark]:
                del self._bits[mark]
        while bits:
            self._free.append(bits.bit_length() - 1)
            bits ^= 1 << self._free[-1]

    def taking(self, event_type: str) -> int:
        """Return the bits of those that take the type as `matches` says, but that `*` alone takes nothing that
        Edurelay tells of its own work."""
        bits, parts = self._bits, event_type.split(".")
        # Those that agree so far, and those that are content with that.
        alive, taking = -1, 0
        for place, part in enumerate(parts):
            if place or event_type not in OPERATIONAL:
                taking |= alive & bits.get((place, _REST), 0)
            alive &= bits.get((place, part), 0) | bits.get((place, "*"), 0)
            if not alive:
                return taking
        return taking | alive & bits.get((len(parts), _END), 0)


def _marks(pattern: str) -> list[_Mark]:
    parts = pattern.split(".")
    parts[-1:] = [_REST] if parts[-1] == "*" else [parts[-1], _END]
    return list(enumerate(parts))
