"""The load driver: HTTP/1.1 over raw sockets, as little work of its own as Python allows.

It stands on the same two cores as what it measures, so each microsecond that it spends is missing there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of a POST request."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path or '/'} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Unexpected(RuntimeError):
    """An answer was not the one that the benchmark is about."""


class _Connection(asyncio.Protocol):
    """One connection with one request under way; `next_request` gives None where there is nothing more to send."""

    def __init__(self, next_request: Callable[[], bytes | None], answered: Callable[[bytes], None]) -> None:
        self._next_request = next_request
        self._answered = answered
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(rest) < _content_length(head):
            return
        self._buffer = b""
        try:
            self._answered(head[9:12])
        except Unexpected as error:
            if not self.done.done():
                self.done.set_exception(error)
            return
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        assert self._transport is not None
        request = self._next_request()
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


def _content_length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2]
    return int(found.partition(b"\r\n")[0]) if found else 0


async def closed_loop(url: str, requests: Iterator[bytes], concurrency: int, expected: bytes) -> tuple[int, float]:
    """Send every request over `concurrency` connections, each as soon as its connection is free.

    Returns how many were answered and in how many seconds. Raises `Unexpected` for another status than `expected`.
    """
    count = 0

    def answered(status: bytes) -> None:
        nonlocal count
        if status != expected:
            raise Unexpected(f"{url} answered {status.decode()}, not {expected.decode()}")
        count += 1

    parts = urlsplit(url)
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(lambda: next(requests, None), answered)

    began = time.perf_counter()
    made = [
        await loop.create_connection(connection, parts.hostname or "", parts.port or 80) for _ in range(concurrency)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    return count, time.perf_counter() - began
