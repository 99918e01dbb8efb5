"""Outbound HTTP for connectors, over the guarded client: paced as the manifest says, errors in the SDK's words.

The pace is kept for each connection in this process, over all that opens it: a sync, a test and a webhook share it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlencode

import orjson
from aiolimiter import AsyncLimiter

from edurelay.egress.client import EgressAnswer, EgressClient
from edurelay.egress.errors import AddressRefused, EgressError, EgressFailed, UrlRefused
from edurelay.runtime.metrics import PROVIDER_REQUESTS, PROVIDER_SECONDS
from edurelay_connector_runner.sdk import (
    ConfigurationError,
    ConnectorError,
    HttpAnswer,
    HttpClient,
    RateLimit,
    Transient,
)

#: How many connections' paces are remembered.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a connection may ask its provider. The requests are spread evenly, so that no window of the length
    that the manifest names ever holds more of them than it allows."""

    rate: AsyncLimiter
    concurrent: asyncio.Semaphore

    @classmethod
    def of(cls, limit: RateLimit) -> Pace:
        """Return the pace of a manifest."""
        return cls(AsyncLimiter(1, limit.seconds / limit.requests), asyncio.Semaphore(limit.concurrent))


class Outbound:
    """Gives each connection its HTTP client."""

    def __init__(self, egress: EgressClient) -> None:
        self._egress = egress
        self._paces: OrderedDict[str, Pace] = OrderedDict()

    def http_for(self, connection_id: str, provider: str, limit: RateLimit | None) -> HttpClient:
        """Return the client of one connection."""
        return PacedHttp(self._egress, provider, None if limit is None else self._pace(connection_id, limit))

    def _pace(self, connection_id: str, limit: RateLimit) -> Pace:
        pace = self._paces.pop(connection_id, None) or Pace.of(limit)
        self._paces[connection_id] = pace
        if len(self._paces) > REMEMBERED:
            self._paces.popitem(last=False)
        return pace


class PacedHttp:
    """Keeps the promises of `HttpClient`."""

    def __init__(self, egress: EgressClient, provider: str, pace: Pace | None) -> None:
        self._egress = egress
        self._provider = provider
        self._pace = pace

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float = 30.0,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> HttpAnswer:
        """Send one request, once the pace allows it; the wait does not count as a part of `timeout`."""
        sent, data = _body(dict(headers or {}), form, json)
        async with AsyncExitStack() as stack:
            if self._pace is not None:
                await stack.enter_async_context(self._pace.concurrent)
                await self._pace.rate.acquire()
            return await self._exchange(method, url, sent, data, timeout, max_bytes)

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None, timeout: float, max_bytes: int
    ) -> HttpAnswer:
        began = perf_counter()
        try:
            answer = await self._egress.request(
                method, url, headers=headers, data=data, timeout=timeout, max_bytes=max_bytes
            )
        except EgressError as error:
            raise self._failure(error) from error
        finally:
            PROVIDER_SECONDS.of(self._provider).observe(perf_counter() - began)
        return self._whole(answer, max_bytes)

    def _whole(self, answer: EgressAnswer, max_bytes: int) -> HttpAnswer:
        if answer.truncated:
            PROVIDER_REQUESTS.of(self._provider, "transient").inc()
            raise Transient(f"the provider's answer is larger than {max_bytes} bytes")
        PROVIDER_REQUESTS.of(self._provider, "ok").inc()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpAnswer(answer.status, headers, answer.body)

    def _failure(self, error: EgressError) -> ConnectorError:
        """Say in the SDK's words what a request without an answer means."""
        refused = isinstance(error, (UrlRefused, AddressRefused))
        if refused or (isinstance(error, EgressFailed) and error.reason == "request"):
            PROVIDER_REQUESTS.of(self._provider, "refused" if refused else "configuration").inc()
            return ConfigurationError(str(error))
        PROVIDER_REQUESTS.of(self._provider, "transient").inc()
        return Transient(f"the provider gave no answer: {error}")


def _body(headers: dict[str, str], form: Mapping[str, str] | None, json: object) -> tuple[dict[str, str], bytes | None]:
    """Return the headers and the bytes of a request's body."""
    if form is not None and json is not None:
        raise TypeError("a request has a form or a JSON value, not both")
    if form is not None:
        return {**headers, "Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
    if json is not None:
        return {**headers, "Content-Type": "application/json"}, orjson.dumps(json)
    return headers, None
