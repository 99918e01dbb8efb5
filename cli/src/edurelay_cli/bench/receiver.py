"""The benchmark's receiver, a process of its own: answers 200 to everything, and says what came when it is asked.

What is posted to `/slow` is answered after `SLOW_SECONDS`, and not counted.

`GET /` answers `{count, distinct, last, latencies}`, `GET /count` only how many came, `GET /reset` forgets. `last` is
the Unix time of the last arrival. A body that holds `"sent":<Unix seconds>` has its latency kept, in milliseconds.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import cast

import orjson
import uvloop

SLOW_SECONDS = 30.0

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_SENT = re.compile(rb'"sent":\s*([0-9.]+)')
_ID = re.compile(rb'"id":\s*"([^"]+)"')

#: How far into a body its id and the moment of its sending are looked for.
_BEGINNING = 300


class Tally:
    """What came."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.count = 0
        self.last = 0.0
        self.ids: set[bytes] = set()
        self.latencies: list[float] = []

    def take(self, body: bytes) -> None:
        """Count one delivery."""
        self.count += 1
        self.last = time.time()
        found = _ID.search(body, 0, _BEGINNING)
        if found:
            self.ids.add(found[1])
        sent = _SENT.search(body, 0, _BEGINNING)
        if sent:
            self.latencies.append((self.last - float(sent[1])) * 1000)

    def report(self) -> bytes:
        """Return the tally as JSON."""
        shown = {"count": self.count, "distinct": len(self.ids), "last": self.last, "latencies": self.latencies}
        return orjson.dumps(shown)


class _Server(asyncio.Protocol):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._buffer, 0, end + 2)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < size:
                return
            request, self._buffer = self._buffer[:size], self._buffer[size:]
            if request.startswith(b"POST /slow"):
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._transport.write, _OK)
            else:
                self._transport.write(self._answer(request, end + 4))

    def _answer(self, request: bytes, body_at: int) -> bytes:
        if request.startswith(b"POST"):
            self._tally.take(request[body_at:])
            return _OK
        if request.startswith(b"GET /reset"):
            self._tally.reset()
            return _OK
        report = b"%d" % self._tally.count if request.startswith(b"GET /count") else self._tally.report()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(report), report)


async def _serve(port: int) -> None:
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: _Server(tally), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
