"""The endpoints that exist, kept up with the compacted topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from edurelay.messages.base import MalformedMessage
from edurelay.messages.subscriptions import Subscription
from edurelay.runtime.logging import get_logger
from edurelay.security.sealing import Sealer, Unsealable
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.matching import Subscribers

_log = get_logger(__name__)


class Endpoints:
    """Every endpoint by its id, and the enabled ones by what they want. `closed` is called with the id of one that
    was disabled or deleted, `opened` with that of one that was enabled, `deleted` with that of one that was deleted,
    `reordered` with that of one whose order is another. `unreadable` tells whether the topic has an endpoint that this
    release does not understand, and `catch_up` returns when all that is in the topic by now came here."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._all: dict[str, Endpoint] = {}
        #: Those whose secrets do not open here.
        self._sealed: set[str] = set()
        self._subscribers: Subscribers[Endpoint] = Subscribers()
        self.closed: Callable[[str], None] = lambda endpoint_id: None
        self.opened: Callable[[str], None] = lambda endpoint_id: None
        self.deleted: Callable[[str], None] = lambda endpoint_id: None
        self.reordered: Callable[[str], None] = lambda endpoint_id: None
        self.unreadable: Callable[[str], bool] = lambda endpoint_id: False
        self.catch_up: Callable[[], Awaitable[None]] = _at_once

    def on_change(self, endpoint_id: str, subscription: Subscription | None) -> None:
        """Take over a new state of an endpoint; None: it was deleted."""
        former = self._all.pop(endpoint_id, None)
        was_open = former is None or self.enabled(former)
        self._sealed.discard(endpoint_id)
        if subscription is None:
            if former is not None:
                self._subscribers.remove(former.tenant, endpoint_id)
            self.closed(endpoint_id)
            self.deleted(endpoint_id)
            return
        endpoint = self._all[endpoint_id] = self._opened(subscription)
        if former is not None and former.subscription.order != subscription.order:
            self.reordered(endpoint_id)
        if not subscription.enabled:
            self.disable(endpoint)
            return
        self._subscribers.put(endpoint)
        if not self.enabled(endpoint):
            self.closed(endpoint_id)
        elif not was_open:
            self.opened(endpoint_id)

    def _opened(self, subscription: Subscription) -> Endpoint:
        try:
            return Endpoint.open(subscription, self._sealer)
        except (Unsealable, MalformedMessage) as error:
            self._sealed.add(subscription.id)
            _log.error(
                "an endpoint's secrets do not open here; what it gets waits for a dispatcher that has their key",
                endpoint=subscription.id,
                reason=str(error),
            )
            return Endpoint.sealed(subscription)

    def disable(self, endpoint: Endpoint) -> None:
        """Give the endpoint nothing more, until the next change of it says otherwise."""
        self._subscribers.remove(endpoint.tenant, endpoint.id)
        self.closed(endpoint.id)

    def matching(self, tenant: str, event_type: str) -> tuple[Endpoint, ...]:
        """Return the endpoints that want events of this type, and are enabled where their secrets open."""
        return self._subscribers.matching(tenant, event_type)

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint, enabled or not."""
        return self._all.get(endpoint_id)

    def of_tenant(self, tenant: str, endpoint_id: str) -> Endpoint | None:
        """Return one of a tenant's endpoints; another tenant's is as good as none."""
        endpoint = self._all.get(endpoint_id)
        return endpoint if endpoint is not None and endpoint.tenant == tenant else None

    def exists(self, endpoint_id: str) -> bool:
        """Return True if there is such an endpoint, be it one that nobody here understands."""
        return endpoint_id in self._all or self.unreadable(endpoint_id)

    async def gone(self, ids: Iterable[str]) -> set[str]:
        """Return those that were deleted, of endpoints for which somebody had work: then the topic had them. Raises
        `KafkaUnavailable`."""
        unknown = {each for each in ids if not self.exists(each)}
        if unknown:
            await self.catch_up()
        return {each for each in unknown if not self.exists(each)}

    def enabled(self, endpoint: Endpoint) -> bool:
        """Return True if something may be sent to the endpoint from here."""
        return self._subscribers.has(endpoint.tenant, endpoint.id) and endpoint.id not in self._sealed

    def probed(self) -> list[Endpoint]:
        """Return the endpoints that were disabled for failing, and are tried from time to time."""
        return [
            each
            for each in self._all.values()
            if each.subscription.probed and not self.enabled(each) and each.id not in self._sealed
        ]

    def ids(self) -> list[str]:
        """Return the ids of the endpoints that exist."""
        return list(self._all)


async def _at_once() -> None:
    """Word of every change has come."""
