"""The HTTP client for addresses that somebody else has given.

It connects only to what the guard lets through. It follows no redirect, keeps no cookie, heeds no proxy variable,
unpacks nothing, and ends each exchange within its time and its bytes. Connections are kept for the next request to the
same host.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from aiohttp.abc import AbstractResolver
from yarl import URL

from edurelay.egress.certificates import system_trust
from edurelay.egress.connection import Answer, Connection, Request
from edurelay.egress.dialling import Dialler
from edurelay.egress.errors import EgressError, EgressFailed, EgressTimeout
from edurelay.egress.guard import AddressGuard
from edurelay.egress.kept import KeptConnections, Line
from edurelay.egress.names import Names
from edurelay.egress.phases import Phases, Stopwatch
from edurelay.egress.urls import checked

#: A header line (RFC 9110, section 5.5).
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
_METHOD: Final = re.compile(r"[A-Z]+")
#: Headers that say where a request goes and where it ends, which is never the caller's to say.
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te"})
#: Requests without a body, as a rule; and those that may be sent again though nobody knows whether they were processed
#: (RFC 9110, section 9.2.2).
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_IDEMPOTENT: Final = _WITHOUT_BODY | {"PUT"}


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

    `connect_timeout` is in seconds. Plain HTTP is for hosts that the guard's operator lists, unless `require_https` is
    off. Names are looked up by `resolver`, by default in the DNS and without threads, so that one which nobody answers
    for holds up no other; what a name leads to is remembered for `names_kept` seconds. Certificates are judged by
    `tls`, by default as the system does.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        user_agent: str,
        connect_timeout: float = 5.0,
        require_https: bool = True,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        names_kept: float = 10.0,
    ) -> None:
        self._guard = guard
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._connect_timeout = connect_timeout
        self._require_https = require_https
        self._resolver = resolver
        self._tls = tls
        self._names_kept = names_kept

    async def __aenter__(self) -> Self:
        self._kept = KeptConnections()
        self._names = Names(self._resolver, self._names_kept)
        tls = self._tls or system_trust()
        self._dialler = Dialler(self._guard, self._names, timeout=self._connect_timeout, tls=tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kept.close()
        await self._names.close()

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
        watch = Stopwatch(secure=target.scheme == "https")
        try:
            request = Request(method, self._head(method, target, headers or {}, data), data or b"", max_bytes)
            async with asyncio.timeout(timeout):
                answer = await self._exchange(target, request, tls, watch)
        except TimeoutError:
            failure: EgressError = EgressTimeout(sent=watch.sent)
        except EgressError as error:
            failure = error
        else:
            phases = watch.phases()
            return EgressAnswer(*answer, duration_ms=sum(phases.values()), phases=phases)
        failure.phases = watch.phases()
        raise failure from None

    async def _exchange(self, target: URL, request: Request, tls: ssl.SSLContext | None, watch: Stopwatch) -> Answer:
        line: Line = target.scheme, target.raw_host, target.port, tls
        while (connection := self._kept.take(line)) is not None:
            try:
                return await self._over(connection, line, request, watch)
            except EgressFailed as failure:
                in_vain = failure.reason == "disconnected" and not connection.heard
                if not in_vain or request.method not in _IDEMPOTENT:
                    raise
        connection = await self._dialler.dial(target, tls, watch)
        return await self._over(connection, line, request, watch)

    async def _over(self, connection: Connection, line: Line, request: Request, watch: Stopwatch) -> Answer:
        answer = await connection.exchange(request, watch)
        self._kept.give_back(line, connection)
        return answer

    def _head(self, method: str, target: URL, headers: Mapping[str, str], data: bytes | None) -> bytes:
        """Return a request's head. Raises `EgressFailed` for what would not stay within its line."""
        given = {name.lower() for name in headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"{name}: {value}" for name, value in self._headers.items() if name.lower() not in given]
        sound = _METHOD.fullmatch(method) and given.isdisjoint(_OURS) and all(map(_FIELD.fullmatch, lines))
        if not sound:
            raise EgressFailed("request", sent=False)
        if data is not None or method not in _WITHOUT_BODY:
            lines.append(f"Content-Length: {len(data or b'')}")
        first = f"{method} {target.raw_path_qs} HTTP/1.1\r\nHost: {target.host_port_subcomponent}\r\n"
        return (first + "\r\n".join(lines) + "\r\n\r\n").encode()
