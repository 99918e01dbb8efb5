"""Who may begin another attempt, where a dispatcher has only so many places for attempts under way. Pure.

Dynamic thresholds (Choudhury and Hahne 1998): a tenant may begin another attempt while it has fewer under way than
there are places free, and of its endpoints each one while it has fewer under way than are free of the tenant's share,
and in any case a first one. So a tenant alone gets half of the places, n of them that want all get 1/(n+1) each, and
what they leave free is there for who comes next; among the endpoints of one tenant likewise.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Refusal(StrEnum):
    """Whose share is used up."""

    TENANT = "tenant"
    ENDPOINT = "endpoint"


class Shares:
    """`places` for attempts, shared out to endpoints by id. Who is refused is remembered until it is called up."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._tenants: Counter[str] = Counter()
        self._endpoints: Counter[str] = Counter()
        #: Who was refused: by tenant, those whose turn it is first in front.
        self._refused: dict[str, _Turns] = {}

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._tenants.total()

    @property
    def free(self) -> int:
        """How many places are left."""
        return self._free

    def refusal(self, tenant: str, endpoint: str) -> Refusal | None:
        """Return whose share is used up; None where the endpoint may take a place."""
        if self._tenants[tenant] >= self._free:
            return Refusal.TENANT
        # Whoever has some already leaves one to a neighbour that has none; beginning takes one from each side.
        has, left = self._endpoints[endpoint], self._free - self._tenants[tenant]
        return Refusal.ENDPOINT if has and has + 1 >= left else None

    def take(self, tenant: str, endpoint: str) -> Refusal | None:
        """Take a place for an attempt, and return None; or wait in turn, and return whose share is used up."""
        refusal = self.refusal(tenant, endpoint)
        if refusal is not None:
            self.wait(tenant, endpoint)
            return refusal
        self._free -= 1
        self._tenants[tenant] += 1
        self._endpoints[endpoint] += 1
        self.forget(tenant, endpoint)
        return None

    def give_back(self, tenant: str, endpoint: str) -> None:
        """Give a place back: an attempt has ended."""
        self._free += 1
        for counter, name in ((self._tenants, tenant), (self._endpoints, endpoint)):
            counter[name] -= 1
            if not counter[name]:
                del counter[name]
        if tenant in self._refused:
            self._refused[tenant].move(endpoint, self._endpoints[endpoint])

    def wait(self, tenant: str, endpoint: str) -> None:
        """Wait in turn to be called up."""
        self._refused.setdefault(tenant, _Turns()).add(endpoint, self._endpoints[endpoint])

    def waits(self, tenant: str, endpoint: str) -> bool:
        """True where an endpoint waits in turn, and was not called up since."""
        return tenant in self._refused and endpoint in self._refused[tenant]

    def forget(self, tenant: str, endpoint: str) -> None:
        """Call an endpoint up no more."""
        turns = self._refused.get(tenant)
        if turns is not None:
            turns.discard(endpoint)
            if not turns:
                del self._refused[tenant]

    def call_up(self) -> str | None:
        """Return an endpoint that was refused and may take a place now, and forget that it was: tenants in turn, and
        of each tenant the endpoint that has the fewest under way, in turn among equals. None where nobody may."""
        for tenant in list(self._refused):
            endpoint = self._refused[tenant].first
            if self.refusal(tenant, endpoint) is None:
                turns = self._refused.pop(tenant)
                turns.discard(endpoint)
                if turns:
                    self._refused[tenant] = turns
                return endpoint
        return None


class _Turns:
    """Endpoints by how many attempts they have under way, in the order in which they came. Never asked while empty."""

    def __init__(self) -> None:
        self._by_taken: dict[int, dict[str, None]] = {}
        self._taken: dict[str, int] = {}

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._taken

    def __bool__(self) -> bool:
        return bool(self._taken)

    @property
    def first(self) -> str:
        return next(iter(self._by_taken[min(self._by_taken)]))

    def add(self, endpoint: str, taken: int) -> None:
        if endpoint not in self._taken:
            self._taken[endpoint] = taken
            self._by_taken.setdefault(taken, {})[endpoint] = None

    def move(self, endpoint: str, taken: int) -> None:
        if endpoint in self._taken:
            self.discard(endpoint)
            self.add(endpoint, taken)

    def discard(self, endpoint: str) -> None:
        taken = self._taken.pop(endpoint, None)
        if taken is not None:
            del self._by_taken[taken][endpoint]
            if not self._by_taken[taken]:
                del self._by_taken[taken]
