"""A line to the database that breaks at the write one asks for: before the server has it, or before its answer. It can
also hold a request up, for something else to come first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from threading import Event, Lock, Thread
from typing import Self
from urllib.parse import urlsplit

_HEADER = struct.Struct("<iiii")
_WRITES = (b"insert", b"update", b"delete", b"findAndModify", b"bulkWrite")
#: Where the name of the command stands in an OP_MSG: behind the header, the flags, a section's kind, and the length and
#: first type of its document.
_COMMAND = 16 + 4 + 1 + 4 + 1
#: A server that streams its state would answer without being asked, and a driver that tries again would hide the break.
_OPTIONS = "serverMonitoringMode=poll&retryReads=false"


class Line:
    """Forwards to a server of the MongoDB protocol, and breaks at its write number `breaks_at`, from 1, or never at 0.

    It lives in threads of its own: the driver closes its connections with calls that block the event loop.
    """

    def __init__(self, uri: str, breaks_at: int, *, answer_lost: bool) -> None:
        split = urlsplit(uri)
        self._server = (split.hostname or "127.0.0.1", split.port or 27017)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._left = breaks_at
        self._answer_lost = answer_lost
        self._lock = Lock()
        self._ends: set[socket.socket] = set()
        self._threads = [Thread(target=self._listen)]
        self._broken = False
        self._holds: bytes | None = None
        self._free = Event()
        self._free.set()
        self.uri = f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/?{split.query}&{_OPTIONS}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._free.set()
        self._break()
        for thread in self._threads:
            thread.join()

    @property
    def broken(self) -> bool:
        """True from the break on."""
        return self._broken

    def mend(self) -> None:
        """Let everybody through again: a driver that cannot say goodbye waits long before it closes."""
        self._broken, self._left = False, -1

    def hold(self, what: bytes) -> None:
        """Keep the next request that has this in it from the server, until `let_go`."""
        self._free.clear()
        self._holds = what

    async def until_held(self) -> None:
        """Return when it keeps a request from the server."""
        async with asyncio.timeout(60):
            while self._holds is not None:
                await asyncio.sleep(0.01)

    def let_go(self) -> None:
        """Send on what is held."""
        self._holds = None
        self._free.set()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, contextlib.suppress(OSError, EOFError):
            with self._lock:
                self._ends |= {client, server}
            while not self._broken:
                request = _message(client)
                self._wait_with(request)
                is_last = self._is_last(request)
                if not is_last or self._answer_lost:
                    server.sendall(request)
                    answer = _message(server)
                if is_last:
                    self._break()
                else:
                    client.sendall(answer)

    def _wait_with(self, request: bytes) -> None:
        with self._lock:
            held = self._holds is not None and self._holds in request
            if held:
                self._holds = None
        if held:
            self._free.wait()

    def _is_last(self, request: bytes) -> bool:
        if not request[_COMMAND:].startswith(_WRITES):
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0

    def _break(self) -> None:
        """Let nobody through any more, on no connection."""
        self._broken = True
        with self._lock:
            for end in self._ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _message(end: socket.socket) -> bytes:
    header = _exactly(end, _HEADER.size)
    return header + _exactly(end, _HEADER.unpack(header)[0] - _HEADER.size)


def _exactly(end: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = end.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
