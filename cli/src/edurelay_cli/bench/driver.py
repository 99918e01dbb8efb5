"""The load driver: HTTP/1.1 over raw sockets, as little work of its own as Python allows.

It stands on the same cores as what it measures, so each microsecond that it spends is missing there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import cast
from urllib.parse import urlsplit


class Unexpected(RuntimeError):
    """An answer was not the one that the benchmark is about."""


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of a POST request."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path or '/'} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way; `answered` is called with each answer's status."""

    def __init__(self, answered: Callable[[_Connection, bytes], None], broken: Callable[[Exception], None]) -> None:
        self._answered = answered
        self._broken = broken
        self._buffer = b""
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if separator and len(rest) >= _content_length(head):
            self._buffer = b""
            self._answered(self, head[9:12])

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._broken(error or ConnectionError("the server closed the connection"))

    def send(self, request: bytes) -> None:
        """Send a request, once the one before it is answered."""
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        self._closing = True
        self._transport.close()


def _content_length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2]
    return int(found.partition(b"\r\n")[0]) if found else 0


class _Load:
    """What both kinds of load share: connections, the check of answers, the end."""

    def __init__(self, url: str, expected: bytes) -> None:
        self._url = url
        self._expected = expected
        self.connections: list[_Connection] = []
        self.answers = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self) -> _Connection:
        """Open another connection."""
        parts = urlsplit(self._url)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._on_answer, self._fail), parts.hostname or "", parts.port or 80
        )
        self.connections.append(connection)
        return connection

    def free(self, connection: _Connection) -> None:
        """Called when a connection can take its next request."""
        raise NotImplementedError

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def _on_answer(self, connection: _Connection, status: bytes) -> None:
        if status != self._expected:
            self._fail(Unexpected(f"{self._url} answered {status.decode()}, not {self._expected.decode()}"))
            return
        self.answers += 1
        self.free(connection)

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)


class _ClosedLoop(_Load):
    def __init__(self, url: str, expected: bytes, requests: Iterator[bytes]) -> None:
        super().__init__(url, expected)
        self._requests = requests
        self._busy = 0

    def free(self, connection: _Connection) -> None:
        self._busy -= 1
        self.start(connection)

    def start(self, connection: _Connection) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._busy += 1
            connection.send(request)
        elif not self._busy and not self.ended.done():
            self.ended.set_result(None)


class _OpenLoop(_Load):
    def __init__(self, url: str, expected: bytes, count: int) -> None:
        super().__init__(url, expected)
        self.idle: list[_Connection] = []
        self._count = count

    def free(self, connection: _Connection) -> None:
        self.idle.append(connection)
        if self.answers == self._count and not self.ended.done():
            self.ended.set_result(None)


async def closed_loop(
    url: str, requests: Iterator[bytes], *, concurrency: int, expected: bytes, seconds: float
) -> tuple[int, float]:
    """Send every request over `concurrency` connections, each as soon as its connection is free.

    Returns how many were answered, and in how many seconds. Raises `Unexpected` for another status than `expected`,
    and `TimeoutError` where it takes longer than `seconds`.
    """
    load = _ClosedLoop(url, expected, requests)
    try:
        async with asyncio.timeout(seconds):
            connections = [await load.connect() for _ in range(concurrency)]
            began = time.perf_counter()
            for connection in connections:
                load.start(connection)
            await load.ended
            return load.answers, time.perf_counter() - began
    finally:
        load.close()


async def open_loop(
    url: str, request: Callable[[], bytes], *, rate: float, count: int, expected: bytes, seconds: float
) -> None:
    """Send `count` requests, `rate` of them a second, whether or not the earlier ones are answered.

    `request` is called at the moment of sending. Returns when all are answered; raises as `closed_loop` does.
    """
    load = _OpenLoop(url, expected, count)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            load.idle.extend([await load.connect() for _ in range(8)])
            began = loop.time()
            for number in range(count):
                await asyncio.sleep(began + number / rate - loop.time())
                connection = load.idle.pop() if load.idle else await load.connect()
                connection.send(request())
            await load.ended
    finally:
        load.close()
