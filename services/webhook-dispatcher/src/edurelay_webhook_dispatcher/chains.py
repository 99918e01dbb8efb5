"""The chains in memory: the deliveries of one subject to one endpoint, of which only the first is under way.

A chain is here for as long as something of it waits in memory or is about to be written. What comes while the head is
under way waits behind it. If the head does not arrive at its first attempt, all that waits is written down, and so is
what comes until the store has it: from then on the store says who is next (see `order`). Nothing in here does any I/O.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from edurelay.messages.subscriptions import Subscription, Undelivered
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.work import State, Work


def chain_of(subscription: Subscription, key: DeliveryKey, subject: str | None) -> str | None:
    """Return the chain of a delivery, None where it waits for nothing: without an order or a subject, or if it was
    never published."""
    if subscription.order is None or not subject or key.position is None:
        return None
    return f"{subscription.id}/{subject}"


def place_of(key: DeliveryKey) -> int:
    """Return the place of a delivery in its chain: its event's offset, as all events of a subject are in one
    partition. Unlike its number in the stream it is the same for whoever reads the event."""
    position = key.position
    return position[1] if position is not None else 0


def attempts_at_most(subscription: Subscription, work: Work) -> int | None:
    """Return after how many attempts others wait for a delivery no longer; None where its schedule alone says so."""
    return subscription.order.failures if subscription.order is not None and work.chain is not None else None


def parks(subscription: Subscription, work: Work) -> bool:
    """True where the chain of a delivery that becomes a dead letter has to wait."""
    order = subscription.order
    return order is not None and order.then is Undelivered.PARK and work.chain is not None


@dataclass(slots=True, eq=False)
class _Chain:
    """`stored`: something of it is in the store, or about to be. `ended`: the head is dead, which is not written yet.
    `held` counts those who are about to put something into it."""

    head: Work | None = None
    behind: deque[Work] = field(default_factory=deque)
    stored: bool = False
    ended: bool = False
    unwritten: Counter[Work] = field(default_factory=Counter)
    held: int = 0

    @property
    def forgettable(self) -> bool:
        return self.head is None and not self.unwritten and not self.held


class Chains:
    """All chains. `begin` takes a delivery whose turn it is, `write_down` one that has to wait in the store; what they
    or others decide of it has to come back by `moved`, and by `written` when the store has it."""

    def __init__(self, begin: Callable[[Work], None], write_down: Callable[[Work], None]) -> None:
        self._begin = begin
        self._write_down = write_down
        self._chains: dict[str, _Chain] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._chains)

    def hold(self, names: Collection[str]) -> list[str]:
        """Keep these chains until they are released; return those of which only the store can know something."""
        unknown = []
        for name in names:
            chain = self._chains.setdefault(name, _Chain())
            chain.held += 1
            if chain.head is None and not chain.stored:
                unknown.append(name)
        return unknown

    def release(self, names: Iterable[str]) -> None:
        """Let chains go that were held."""
        for name in names:
            self._chains[name].held -= 1
            self._forget(name)

    def take(self, work: Work, *, blocked: bool) -> None:
        """Put a delivery at the end of its chain, which is held. `blocked`: the store has one that comes before it."""
        chain = self._chain(work)
        if chain.stored or blocked:
            self._to_store(chain, work)
        elif chain.head is not None:
            chain.behind.append(work)
        else:
            chain.head = work
            self._begin(work)

    def moved(self, work: Work, state: State) -> None:
        """Take note of where a delivery stands that is about to be written."""
        chain = self._chains.get(work.chain or "")
        if chain is None:
            return
        chain.unwritten[work] += 1
        if chain.head is not work:
            return
        if not state.over:
            chain.head, chain.stored = None, True
            self._flush(chain)
        elif state.dead:
            # The next one goes when this is written: after a crash it would be attempted again, and might arrive.
            chain.ended = True
        else:
            self._advance(chain)

    def written(self, work: Work, state: State) -> None:
        """Take note that the store knows where a delivery stands."""
        chain = self._chains.get(work.chain or "")
        if chain is None or work not in chain.unwritten:
            return
        chain.unwritten[work] -= 1
        chain.unwritten += Counter()  # Without what is down to nothing.
        if chain.head is work and chain.ended and state.dead:
            self._advance(chain)
        self._forget(work.chain or "")

    def overdue(self, before: float) -> list[Work]:
        """Return the heads behind which something has waited since before a monotonic moment."""
        return [
            chain.head
            for chain in self._chains.values()
            if chain.head is not None and not chain.ended and chain.behind and chain.behind[0].since < before
        ]

    def leave(self, partitions: Collection[int]) -> None:
        """Forget what waits of partitions that are somebody else's now, who reads it again."""
        for chain in self._chains.values():
            if chain.behind and _partition(chain.behind[0]) in partitions:
                chain.behind.clear()

    def close(self) -> None:
        """Begin nothing more: what waits is written down when its head has ended."""
        self._closing = True

    def _advance(self, chain: _Chain) -> None:
        chain.head, chain.ended = None, False
        if self._closing:
            chain.stored = chain.stored or bool(chain.behind)
            self._flush(chain)
        elif chain.behind:
            chain.head = chain.behind.popleft()
            self._begin(chain.head)

    def _flush(self, chain: _Chain) -> None:
        while chain.behind:
            self._to_store(chain, chain.behind.popleft())

    def _to_store(self, chain: _Chain, work: Work) -> None:
        chain.stored = True
        self._write_down(work)

    def _chain(self, work: Work) -> _Chain:
        return self._chains[work.chain or ""]

    def _forget(self, name: str) -> None:
        if self._chains[name].forgettable:
            del self._chains[name]


def _partition(work: Work) -> int:
    position = work.key.position
    return position[0] if position is not None else -1
