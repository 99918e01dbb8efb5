"""HTTP to the API: authorization, idempotency keys, retries, errors."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from edurelay_client.errors import ApiError, EdurelayError, NotFound, NotReachable, UnderWay, error_of
from edurelay_client.retries import RETRYABLE, RetryPolicy, retry_after_seconds

_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its status and its JSON body, None where there is none."""

    status: int
    body: Any


class Transport:
    """One pool of connections to one API."""

    def __init__(self, base_url: str, api_key: str, *, timeout: float, retries: RetryPolicy) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._timeout = timeout
        self._retries = retries
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: object = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Make one call and return its answer, trying again where that may help.

        `wait` asks the API to answer only once the work is done, within so many seconds. Every POST carries an
        idempotency key, the same at each attempt, so that a repetition does nothing twice. Raises `ApiError` and
        `NotReachable`.
        """
        headers = {}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        if wait is not None:
            headers["Prefer"] = f"wait={int(wait)}"
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        params = {name: str(value) for name, value in (query or {}).items() if value is not None}
        began = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._once(method, path, params, headers, data, self._timeout + (wait or 0.0))
            except _Again as again:
                pause = self._retries.pause(attempt, time.monotonic() - began, again.retry_after)
                if pause is None:
                    raise again.error from again.__cause__
            except NotFound:
                # A deletion whose answer got lost is done: the next attempt finds nothing to delete.
                if method == "DELETE" and attempt > 1:
                    return Answer(204, None)
                raise
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def opened(
        self, path: str, *, query: Mapping[str, str | int | None], headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Make one call whose answer goes on, once, and yield its pieces as they come; `silence` is how long, in
        seconds, nothing may come. Raises `ApiError` and `NotReachable`, the latter also while it is read."""
        if self._session is None:
            raise EdurelayError("the client is used as `async with Client(…) as client`")
        params = {name: str(value) for name, value in query.items() if value is not None}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=silence)
        try:
            async with self._session.get(
                self._base_url + path, params=params, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise error_of(response.status, _problem(await response.read()))
                yield response.content.iter_any()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotReachable(f"GET {path}: {str(error) or 'it took too long'}") from error

    async def _once(
        self, method: str, path: str, params: Mapping[str, str], headers: Mapping[str, str], data: bytes | None,
        timeout: float,
    ) -> Answer:  # fmt: skip
        if self._session is None:
            raise EdurelayError("the client is used as `async with Client(…) as client`")
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                params=params,
                headers=headers,
                data=data,
                timeout=aiohttp.ClientTimeout(total=timeout + _MARGIN),
                allow_redirects=False,
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or "it took too long"
            raise _Again(NotReachable(f"{method} {path}: {reason}"), None) from error
        if 200 <= response.status < 300:
            return Answer(response.status, orjson.loads(raw) if raw else None)
        problem = error_of(response.status, _problem(raw))
        if response.status in RETRYABLE or isinstance(problem, UnderWay):
            raise _Again(problem, retry_after_seconds(response.headers.get("Retry-After")))
        raise problem


class _Again(Exception):
    """The attempt failed in a way that the next one may not."""

    def __init__(self, error: ApiError | NotReachable, retry_after: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


def _problem(raw: bytes) -> dict[str, Any]:
    """Return the problem in an error's body; proxies answer with pages that hold none."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
