"""Calls from service to service: JSON over HTTP with the internal token, bounded in time, in the caller's trace."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, overload
from urllib.parse import quote

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs
from pydantic import SecretStr, TypeAdapter, ValidationError
from yarl import URL

from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import INTERNAL_REQUESTS
from edurelay.runtime.tracing import current_traceparent
from edurelay.web.problems import Problem, ProblemBody
from edurelay.web.route import to_json

T = TypeVar("T")

QueryValues = Mapping[str, str | int | float | bool | None]

_log = get_logger(__name__)


class UpstreamUnavailable(Problem):
    """Another service does not answer, or not as it should: told to the client as a 503 with `Retry-After`."""

    def __init__(self, service: str) -> None:
        super().__init__(
            503, "upstream_unavailable", f"The {service} service cannot answer now.", headers={"Retry-After": "1"}
        )


def internal_path(*segments: str) -> str:
    """Return `/internal/…` with each segment quoted, whatever characters an id has."""
    return "/internal/" + "/".join(quote(segment, safe="") for segment in segments)


class InternalClient:
    """A client of one service. What the other side refuses (4xx, or 503 with its reason) is raised as its problem;
    whatever else goes wrong is `UpstreamUnavailable`. At most `connections` calls are under way at a time."""

    def __init__(
        self, service: str, base_url: str, token: SecretStr, *, timeout: float = 10.0, connections: int = 100
    ) -> None:
        self._service = service
        self._base_url = base_url.rstrip("/")
        self._headers: dict[str, str] = {hdrs.AUTHORIZATION: f"Bearer {token.get_secret_value()}"}
        self._timeout = ClientTimeout(total=timeout, connect=2.0)
        self._connections = connections
        self._session: ClientSession | None = None
        self._adapters: dict[Any, TypeAdapter[Any]] = {}

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(limit=self._connections, keepalive_timeout=30.0),
            cookie_jar=DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, answer: type[T], *, query: QueryValues | None = None) -> T:
        """Return what the service answers, as the given type. `query` leaves out what is None."""
        return self._read(answer, await self._exchange("GET", path, None, query))

    @overload
    async def post(self, path: str, body: Any, answer: type[T]) -> T: ...
    @overload
    async def post(self, path: str, body: Any = None, answer: None = None) -> None: ...
    async def post(self, path: str, body: Any = None, answer: type[T] | None = None) -> T | None:
        """Post a JSON value, or nothing; return the answer as the given type, if one is given."""
        raw = await self._exchange("POST", path, body, None)
        return self._read(answer, raw) if answer is not None else None

    async def put(self, path: str, body: Any, answer: type[T]) -> T:
        """Put a JSON value and return the answer as the given type."""
        return self._read(answer, await self._exchange("PUT", path, body, None))

    async def _exchange(self, method: str, path: str, body: Any, query: QueryValues | None) -> bytes:
        assert self._session is not None, "the client is an async context manager"
        url = URL(self._base_url + path, encoded=True).with_query(_texts(query or {}))
        headers = dict(self._headers)
        traceparent = current_traceparent()
        if traceparent is not None:
            headers["traceparent"] = traceparent
        if body is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        data = to_json(body) if body is not None else None
        try:
            async with self._session.request(method, url, headers=headers, data=data, allow_redirects=False) as answer:
                raw = await answer.read()
                status, retry_after = answer.status, answer.headers.get(hdrs.RETRY_AFTER)
        except (ClientError, TimeoutError, OSError) as error:
            INTERNAL_REQUESTS.of(self._service, "unavailable").inc()
            _log.warning("a service does not answer", upstream=self._service, reason=repr(error))
            raise UpstreamUnavailable(self._service) from error
        if 200 <= status < 300:
            INTERNAL_REQUESTS.of(self._service, "answered").inc()
            return raw
        raise self._refusal(status, raw, retry_after)

    def _refusal(self, status: int, raw: bytes, retry_after: str | None) -> Problem:
        """Return the other side's problem, where it is the client's to know: that it refused *us* is not."""
        told = _object(raw)
        if "code" not in told or status in (401, 403) or not (400 <= status < 500 or status == 503):
            INTERNAL_REQUESTS.of(self._service, "unavailable").inc()
            _log.error("a service answered unexpectedly", upstream=self._service, status=status, code=told.get("code"))
            return UpstreamUnavailable(self._service)
        INTERNAL_REQUESTS.of(self._service, "refused").inc()
        return Problem(
            status,
            str(told["code"]),
            str(told.get("detail", "")),
            field=told.get("field"),
            errors=told.get("errors"),
            headers={hdrs.RETRY_AFTER: retry_after} if retry_after is not None else None,
            **{name: value for name, value in told.items() if name not in ProblemBody.model_fields},
        )

    def _read(self, answer: type[T], raw: bytes) -> T:
        adapter = self._adapters.get(answer)
        if adapter is None:
            adapter = self._adapters[answer] = TypeAdapter(answer)
        try:
            value: T = adapter.validate_json(raw)
        except ValidationError as error:
            places = [each["loc"] for each in error.errors(include_input=False, include_url=False)]
            _log.error("a service answered in another form", upstream=self._service, places=places)
            raise UpstreamUnavailable(self._service) from None
        return value


def _texts(query: QueryValues) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
