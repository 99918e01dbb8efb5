"""Tells the gateway, which owns the endpoints, of one that wants nothing any more, that fails, or that recovered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from edurelay.runtime.logging import get_logger
from edurelay.web.internal import InternalClient, UpstreamUnavailable
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints

PAUSE = 2.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Notice:
    endpoint: Endpoint
    what: str
    body: dict[str, Any]


class Notices:
    """Disables endpoints here at once, and at the gateway as soon as it answers; it alone enables them.

    A notice that is lost with the process is given again: the endpoint's next delivery ends in the same way.
    """

    def __init__(self, gateway: InternalClient, endpoints: Endpoints) -> None:
        self._gateway = gateway
        self._endpoints = endpoints
        self._untold: asyncio.Queue[_Notice] = asyncio.Queue()

    def gone(self, endpoint: Endpoint, reason: str) -> None:
        """Take note that an endpoint asked to be left alone."""
        self._disable(endpoint, reason, probed=False)

    def failing(self, endpoint: Endpoint, reason: str) -> None:
        """Take note that nothing arrives at an endpoint; it is tried from time to time."""
        self._disable(endpoint, reason, probed=True)

    def recovered(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint which was disabled for failing has taken a delivery."""
        self._untold.put_nowait(_Notice(endpoint, "recovered", {"version": endpoint.subscription.version}))

    def _disable(self, endpoint: Endpoint, reason: str, *, probed: bool) -> None:
        current = self._endpoints.get(endpoint.id)
        if current is not None and self._endpoints.enabled(current):
            self._endpoints.disable(current)
            body = {"reason": reason, "version": current.subscription.version, "probed": probed}
            self._untold.put_nowait(_Notice(current, "disable", body))

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            notice = await self._untold.get()
            path = f"/internal/tenants/{notice.endpoint.tenant}/endpoints/{notice.endpoint.id}/{notice.what}"
            while True:
                try:
                    await self._gateway.post(path, notice.body)
                    break
                except UpstreamUnavailable as error:
                    _log.warning("the gateway could not be told of an endpoint", notice=notice.what, reason=str(error))
                    await asyncio.sleep(PAUSE)
