"""Connections that are kept for the next request to the same host."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from typing import Final, TypeAlias

from edurelay.egress.connection import Connection

#: For how long nobody has to need a connection for it to be closed, in seconds.
_KEPT_SECONDS: Final = 15.0

#: What requests that may share connections have in common: scheme, host, port and TLS context.
Line: TypeAlias = tuple[str, str | None, int | None, ssl.SSLContext | None]


class KeptConnections:
    """Idle connections, by their line."""

    def __init__(self) -> None:
        #: Those that were needed last stand last.
        self._idle: dict[Line, deque[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, line: Line) -> Connection | None:
        """Take out the one that was needed last, of those that still stand."""
        idle = self._idle.get(line)
        while idle:
            connection = idle.pop()
            if connection.stands():
                return connection
            connection.abort()
        return None

    def give_back(self, line: Line, connection: Connection) -> None:
        """Keep a connection, if it can be used again."""
        if not connection.reusable:
            connection.abort()
            return
        connection.idle_since = time.monotonic()
        self._idle.setdefault(line, deque()).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._let_go)

    def close(self) -> None:
        """Close them all."""
        if self._sweep is not None:
            self._sweep.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    def _let_go(self) -> None:
        """Close those that nobody has needed for long, and come again for the rest."""
        before = time.monotonic() - _KEPT_SECONDS
        for line, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= before or not idle[0].reusable):
                idle.popleft().abort()
            if not idle:
                del self._idle[line]
        left = bool(self._idle)
        self._sweep = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._let_go) if left else None
