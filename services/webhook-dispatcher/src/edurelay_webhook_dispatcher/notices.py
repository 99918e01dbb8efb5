"""Tells the gateway, which owns the endpoints, that one wants nothing any more."""

from __future__ import annotations

import asyncio

from edurelay.runtime.logging import get_logger
from edurelay.web.internal import InternalClient, UpstreamUnavailable
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints

PAUSE = 2.0

_log = get_logger(__name__)


class Notices:
    """Disables endpoints here at once, and at the gateway as soon as it answers.

    A notice that is lost with the process is given again: the endpoint's next delivery ends in the same way.
    """

    def __init__(self, gateway: InternalClient, endpoints: Endpoints) -> None:
        self._gateway = gateway
        self._endpoints = endpoints
        self._untold: asyncio.Queue[tuple[Endpoint, str]] = asyncio.Queue()

    def gone(self, endpoint: Endpoint, reason: str) -> None:
        """Take note that an endpoint asked to be left alone."""
        current = self._endpoints.get(endpoint.id)
        if current is not None and self._endpoints.enabled(current):
            self._endpoints.disable(current)
            self._untold.put_nowait((current, reason))

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            endpoint, reason = await self._untold.get()
            body = {"reason": reason, "version": endpoint.subscription.version}
            path = f"/internal/tenants/{endpoint.tenant}/endpoints/{endpoint.id}/disable"
            while True:
                try:
                    await self._gateway.post(path, body)
                    break
                except UpstreamUnavailable as error:
                    _log.warning("the gateway could not be told of an endpoint that is gone", reason=str(error))
                    await asyncio.sleep(PAUSE)
