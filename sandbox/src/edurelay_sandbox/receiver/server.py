"""The server that plays the scripts."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

from edurelay_sandbox.receiver.script import Hang, HangUp, Read, Script, Send, answer

#: A close with this option discards what is unsent and resets the connection.
_NO_LINGER = struct.pack("ii", 1, 0)
#: Small, so that what was sent is what the other side has taken and not what lies in buffers, in bytes.
_BUFFER = 32 * 1024
_LARGEST_HEAD = 64 * 1024


@dataclass(slots=True)
class Request:
    """One request that came: its head, its body as far as the script has read it, and the number of its connection."""

    head: bytes
    connection: int
    body: bytes = b""

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition(b"\r\n")[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with their names in lower case."""
        fields = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:] if line)
        return {name.lower(): value.strip() for name, _, value in fields}


class Receiver:
    """Answers by script. `requests` holds what came, `connections` counts those that were taken, `sent` the bytes that
    the other side took."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = deque(scripts or (answer(),))
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        self.port = 0
        self._came = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @asynccontextmanager
    async def serving(self, host: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Listen on a free port of `host`, which by default is every address of this machine."""
        if host or not socket.has_dualstack_ipv6():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, 0), family=family)
        else:
            listener = socket.create_server((host, 0), family=socket.AF_INET6, dualstack_ipv6=True)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, ssl=tls, limit=_LARGEST_HEAD)
        try:
            yield self
        finally:
            await self.close()

    def play(self, *scripts: Script) -> None:
        """Answer each of the next requests by one of the scripts, and all behind them by the last."""
        self._scripts = deque(scripts)

    @property
    def url(self) -> str:
        """The receiver's address on this machine."""
        return self.at("127.0.0.1")

    def at(self, host: str, *, scheme: str = "http") -> str:
        """Return an address that leads here where `host` does."""
        return f"{scheme}://{host}:{self.port}/hook"

    async def until(self, count: int, seconds: float = 30.0) -> list[Request]:
        """Return the requests once there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self._came.clear()
                await self._came.wait()
        return self.requests

    async def close(self) -> None:
        """Take no more connections, and end those that are open."""
        self._server.close()
        for task, writer in self._open.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._open, return_exceptions=True)

    def hang_up(self) -> None:
        """Close every connection as a server does that has waited long enough for another request; the other side's
        system knows it when this returns."""
        for writer in self._open.values():
            writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer, self.connections))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        writer.transport.set_write_buffer_limits(0)
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError):
            while not writer.is_closing():
                request = Request(await reader.readuntil(b"\r\n\r\n"), connection)
                self.requests.append(request)
                self._came.set()
                script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
                await self._play(script, request, reader, writer)
        writer.close()

    async def _play(
        self, script: Script, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for step in script:
            match step:
                case Read():
                    request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
                case Send():
                    await self._send(step, writer)
                case Hang(None):
                    await reader.read()
                    return
                case Hang(seconds):
                    await asyncio.sleep(seconds or 0)
                case HangUp(reset):
                    if reset:
                        option = writer.get_extra_info("socket")
                        option.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                        writer.transport.abort()
                    writer.close()
                    return

    async def _send(self, step: Send, writer: asyncio.StreamWriter) -> None:
        done = 0
        while step.times is None or done < step.times:
            writer.write(step.data)
            await writer.drain()
            self.sent += len(step.data)
            done += 1
            if step.every:
                await asyncio.sleep(step.every)
