"""Connecting: only to what the guard lets through, checked at the socket with the very address, so that no name that
changes its mind, no notation and no candidate address gets past."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from aiohappyeyeballs import AddrInfoType, start_connection
from yarl import URL

from edurelay.egress.connection import Connection
from edurelay.egress.errors import AddressRefused, EgressError, EgressFailed
from edurelay.egress.guard import AddressGuard
from edurelay.egress.names import Names
from edurelay.egress.phases import Stopwatch

#: How long the first address has before the next one is tried beside it, in seconds (RFC 8305, section 5).
_HEAD_START: Final = 0.25


class Dialler:
    """Makes connections, each within `timeout` seconds from the end of the look-up to the end of the TLS handshake.
    Certificates are judged by `tls`."""

    def __init__(self, guard: AddressGuard, names: Names, *, timeout: float, tls: ssl.SSLContext) -> None:
        self._guard = guard
        self._names = names
        self._timeout = timeout
        self._tls = tls

    async def dial(self, target: URL, tls: ssl.SSLContext | None, watch: Stopwatch) -> Connection:
        """Return a new connection to the host of `target`, made with the context `tls` in place of the usual one.
        Raises `AddressRefused`, `EgressFailed`, or `TimeoutError`."""
        host, port = str(target.raw_host), target.port or 0  # There are both: the URL was checked.
        addresses = await self._names.look_up(host, port)
        async with asyncio.timeout(self._timeout):
            connected = await self._connect(host, addresses, watch)
            watch.connected()
            context = (tls or self._tls) if target.scheme == "https" else None
            name = host.removesuffix(".") if context is not None else None
            loop = asyncio.get_running_loop()
            try:
                _, connection = await loop.create_connection(
                    Connection, sock=connected, ssl=context, server_hostname=name
                )
            except ssl.SSLError:
                raise EgressFailed("tls", sent=False) from None
            except OSError:
                raise EgressFailed("connect", sent=False) from None
        return connection

    async def _connect(self, host: str, addresses: list[AddrInfoType], watch: Stopwatch) -> socket.socket:
        failure: EgressError | None = None

        def guarded(candidate: AddrInfoType) -> socket.socket:
            nonlocal failure
            family, kind, protocol, _, address = candidate
            try:
                self._guard.check(str(address[0]), host)
            except AddressRefused as error:
                failure = failure or error
                raise PermissionError(str(error)) from None  # An OSError lets the next candidate have its turn.
            failure = EgressFailed("connect", sent=False)
            watch.dialled()
            return socket.socket(family, kind, protocol)

        try:
            return await start_connection(addresses, happy_eyeballs_delay=_HEAD_START, socket_factory=guarded)
        except (OSError, RuntimeError):  # The latter is uvloop's for a socket that is closed while it connects.
            assert failure is not None, "there is an address, and each was judged"
            raise failure from None
