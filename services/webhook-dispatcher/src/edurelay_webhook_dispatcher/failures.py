"""Tells the gateway, which owns the endpoints, of conditions that fail; not of each time, but every few seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from edurelay.events.envelope import now
from edurelay.runtime.logging import get_logger
from edurelay.web.internal import InternalClient, UpstreamUnavailable, internal_path
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher.endpoint import Endpoint

#: How often the gateway is told, in seconds.
EVERY = 2.0

_log = get_logger(__name__)


@dataclass(slots=True)
class _Noted:
    endpoint: Endpoint
    event_id: str
    reason: str
    at: str
    count: int


class ConditionFailures:
    """Counts the failures of each endpoint's condition and keeps the last. What was not told when the process dies is
    not counted: a count of failures is no ledger."""

    def __init__(self, gateway: InternalClient) -> None:
        self._gateway = gateway
        self._noted: dict[str, _Noted] = {}

    def note(self, endpoint: Endpoint, event_id: str, reason: str) -> None:
        """Take note that the endpoint's condition failed for an event."""
        before = self._noted.get(endpoint.id)
        same = before is not None and before.endpoint.subscription.condition == endpoint.subscription.condition
        count = before.count + 1 if before is not None and same else 1
        self._noted[endpoint.id] = _Noted(endpoint, event_id, reason, now(), count)

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            for endpoint_id in list(self._noted):
                noted = self._noted.pop(endpoint_id)
                try:
                    await self._tell(noted)
                except UpstreamUnavailable as error:
                    _log.warning("the gateway could not be told of failing conditions", reason=str(error))
                    self._put_back(endpoint_id, noted)
                    break
                except Problem as problem:
                    _log.error("the gateway refused word of a failing condition", code=problem.code)

    async def _tell(self, noted: _Noted) -> None:
        body = {
            "condition": noted.endpoint.subscription.condition,
            "count": noted.count,
            "at": noted.at,
            "event_id": noted.event_id,
            "reason": noted.reason,
        }
        path = internal_path("tenants", noted.endpoint.tenant, "endpoints", noted.endpoint.id, "condition-failures")
        await self._gateway.post(path, body)

    def _put_back(self, endpoint_id: str, noted: _Noted) -> None:
        newer = self._noted.setdefault(endpoint_id, noted)
        if newer is not noted:
            newer.count += noted.count
