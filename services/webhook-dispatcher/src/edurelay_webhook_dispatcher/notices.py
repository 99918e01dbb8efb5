"""Tells the gateway, which owns the endpoints, of one that wants nothing any more, that fails, or that recovered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from edurelay.runtime.logging import get_logger
from edurelay.web.internal import InternalClient, internal_path
from edurelay.web.problems import Problem
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
        """Take note that an endpoint asked to be left alone; one that is tried from time to time asks for an end of
        that."""
        self._disable(endpoint, reason, probed=False)

    def failing(self, endpoint: Endpoint, reason: str) -> None:
        """Take note that nothing arrives at an endpoint; it is tried from time to time."""
        self._disable(endpoint, reason, probed=True)

    def recovered(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint which was disabled for failing has taken a delivery."""
        self._untold.put_nowait(_Notice(endpoint, "recovered", {"version": endpoint.subscription.version}))

    def _disable(self, endpoint: Endpoint, reason: str, *, probed: bool) -> None:
        current, version = self._endpoints.get(endpoint.id), endpoint.subscription.version
        if current is None or current.subscription.version != version:
            return  # This was said of what the endpoint was before.
        if self._endpoints.enabled(current):
            self._endpoints.disable(current)
        elif probed or not current.subscription.probed:
            return
        self._untold.put_nowait(_Notice(current, "disable", {"reason": reason, "version": version, "probed": probed}))

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._tell(await self._untold.get())

    async def _tell(self, notice: _Notice) -> None:
        """Tell the gateway, as soon as it can take it."""
        path = internal_path("tenants", notice.endpoint.tenant, "endpoints", notice.endpoint.id, notice.what)
        while True:
            try:
                return await self._gateway.post(path, notice.body)
            except Problem as problem:
                if problem.status != 503:
                    _log.error("the gateway refused word of an endpoint", notice=notice.what, code=problem.code)
                    return None
                _log.warning("the gateway could not be told of an endpoint", notice=notice.what, reason=str(problem))
            await asyncio.sleep(PAUSE)
