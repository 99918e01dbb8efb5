"""The HTTP client for addresses that somebody else has given.

It connects only to what the guard lets through, checked at the socket with the very address, so no name that changes
its mind, no notation and no candidate address gets past. It follows no redirect, keeps no cookie, heeds no proxy
variable, unpacks nothing, and ends each exchange within its time and its bytes. Connections are kept for the next
request to the same host.
"""

from __future__ import annotations

import asyncio
import io
import select
import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from edurelay.egress.errors import AddressRefused, EgressError, EgressFailed, EgressTimeout
from edurelay.egress.guard import AddressGuard
from edurelay.egress.phases import Phases, Stopwatch
from edurelay.egress.urls import checked

#: Above this size the client library wants a body as a file, which it sends in pieces.
_WHOLE_BODY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """An answer of any status. `headers` are found in any case, `body` is as it came over the wire, cut after the
    allowed bytes if `truncated`; `duration_ms` is the whole exchange, `phases` where the time went."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration_ms: float
    phases: Phases


class EgressClient:
    """An async context manager around one pool of connections.

    `limit` and `limit_per_host` bound the connections (0: no bound), `connect_timeout` is in seconds. Plain HTTP is
    for hosts that the guard's operator lists, unless `require_https` is off. Names are looked up by `resolver`, by
    default in the DNS and without threads, so that one which nobody answers for holds up no other; what a name leads to
    is remembered for `names_kept` seconds. Certificates are judged by `tls`, by default as the system does.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        user_agent: str,
        limit: int = 0,
        limit_per_host: int = 0,
        connect_timeout: float = 5.0,
        require_https: bool = True,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        names_kept: int = 10,
    ) -> None:
        self._guard = guard
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        self._require_https = require_https
        self._resolver = resolver
        self._tls = tls
        self._names_kept = names_kept

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=self._limit,
                limit_per_host=self._limit_per_host,
                resolver=self._resolver,
                ttl_dns_cache=self._names_kept,
                ssl=self._tls or True,
                socket_factory=self._guarded_socket,
            ),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
            auto_decompress=False,
            request_class=_Request,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        timeout: float,
        max_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> EgressAnswer:
        """Send one request and return its answer, with at most `max_bytes` of the body read.

        `timeout` seconds are for everything from the look-up of the name to the end of the body. A kept connection
        that the other side has closed is replaced before any byte is written to it; of a request of which a byte was
        written nobody knows whether it was processed, so it fails, and only methods that HTTP calls idempotent are
        sent again. With `tls` it uses only connections that were made with this context. Raises `UrlRefused`,
        `AddressRefused`, `EgressTimeout` or `EgressFailed`.
        """
        target = checked(url, self._guard, self._require_https)
        attempt = _Attempt(target.raw_host, Stopwatch(secure=target.scheme == "https"))
        token = _current.set(attempt)
        try:
            async with asyncio.timeout(timeout):
                response = await self._send(method, target, headers, data, tls, attempt)
                attempt.watch.answered()
                body, truncated = await _read(response, max_bytes)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            # The library's own words are left out: they may quote the URL, which may hold a secret.
            failure = _meaning(error, attempt)
            failure.phases = attempt.watch.phases()
            raise failure from None
        finally:
            _current.reset(token)
        phases = attempt.watch.phases()
        return EgressAnswer(response.status, response.headers, body, truncated, sum(phases.values()), phases)

    async def _send(
        self,
        method: str,
        target: URL,
        headers: Mapping[str, str] | None,
        data: bytes | None,
        tls: ssl.SSLContext | None,
        attempt: _Attempt,
    ) -> aiohttp.ClientResponse:
        """Return the answer's head, over a new connection once no kept one is left that still stands."""
        while True:
            try:
                return await self._session.request(
                    method, target, headers=headers, data=_payload(data), ssl=tls or True, allow_redirects=False
                )
            except _Stale:
                continue
            except BaseException:
                attempt.abort()
                raise

    def _guarded_socket(self, candidate: AddrInfoType) -> socket.socket:
        """Make the socket for one candidate address, if it may be reached."""
        family, kind, protocol, _, address = candidate
        attempt = _current.get()
        try:
            self._guard.check(str(address[0]), attempt.host)
        except AddressRefused as error:
            attempt.refused = error
            raise PermissionError(str(error)) from None  # An OSError lets the next candidate have its turn.
        attempt.tried = True
        attempt.watch.dialled()
        return socket.socket(family, kind, protocol)


@dataclass(slots=True)
class _Attempt:
    """What happened to one request on its way: seen by the socket's maker and the request's sender in its context."""

    host: str | None
    watch: Stopwatch
    refused: AddressRefused | None = None
    tried: bool = False  # a connection to an allowed address was begun, none kept from before was used
    transport: asyncio.Transport | None = None  # what the request was written to

    @property
    def sent(self) -> bool:
        return self.transport is not None

    def abort(self) -> None:
        """Let go of the connection at once: one that is closed waits for ever for who does not read."""
        if self.transport is not None:
            self.transport.abort()


_current: ContextVar[_Attempt] = ContextVar("edurelay_egress_attempt")


class _Stale(aiohttp.ClientError):
    """The kept connection is of no use, and no byte of the request was written to it."""


class _Connector(aiohttp.TCPConnector):
    """Tells the end of connecting from that of the TLS handshake: a connection's protocol is made between the two."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        make = self._factory

        def made() -> ResponseHandler:
            _current.get().watch.connected()
            return make()

        self._factory = made  # type: ignore[assignment]


class _Request(ClientRequest):
    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        attempt = _current.get()
        if not attempt.tried and _stale(conn):
            raise _Stale
        attempt.transport = conn.transport
        attempt.watch.ready()
        return await super().send(conn)

    async def write_bytes(self, *args: Any, **options: Any) -> None:
        await super().write_bytes(*args, **options)
        _current.get().watch.written()


#: What the other side's end of a connection looks like, beside errors, which are always told.
_END: Final = getattr(select, "POLLRDHUP", select.POLLHUP)


def _stale(kept: Connection) -> bool:
    """Tell whether the other side has closed a kept connection, which the system knows earlier than the event loop, or
    has said something on it unasked, which would pass for the answer to the next request."""
    if kept.protocol is None or kept.transport is None or kept.protocol.should_close:
        return True
    poll = select.poll()
    poll.register(kept.transport.get_extra_info("socket").fileno(), _END)
    return bool(poll.poll(0))


def _payload(data: bytes | None) -> bytes | io.BytesIO | None:
    return io.BytesIO(data) if data is not None and len(data) > _WHOLE_BODY_BYTES else data


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> tuple[bytes, bool]:
    """Return the body up to `max_bytes`, and whether there was more. A connection with an unread rest of the answer, or
    an unwritten rest of the request, is not kept."""
    content = response.content
    try:
        body = await content.readany()
        if content.at_eof() and len(body) <= max_bytes:
            return body, False
        parts, size = [body], len(body)
        while size <= max_bytes and not content.at_eof():
            body = await content.readany()
            parts.append(body)
            size += len(body)
        return b"".join(parts)[:max_bytes], size > max_bytes
    finally:
        if (connection := response.connection) is not None:
            if connection.transport is not None:
                connection.transport.abort()
            response.close()


def _meaning(error: Exception, attempt: _Attempt) -> EgressError:
    if attempt.refused is not None and not attempt.tried:
        return attempt.refused
    if isinstance(error, TimeoutError):
        return EgressTimeout(sent=attempt.sent)
    if not isinstance(error, aiohttp.ClientError):
        return EgressFailed("request", sent=False)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return EgressFailed("dns", sent=False)
    if isinstance(error, aiohttp.ClientConnectorSSLError | aiohttp.ClientConnectorCertificateError):
        return EgressFailed("tls", sent=False)
    if not attempt.sent:
        return EgressFailed("connect", sent=False)
    if isinstance(error, aiohttp.ClientResponseError):
        return EgressFailed("protocol", sent=True)
    return EgressFailed("disconnected", sent=True)
