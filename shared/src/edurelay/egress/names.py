"""What host names lead to: looked up in the DNS without threads, each once for all who ask, and remembered a while."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

from edurelay.egress.errors import EgressFailed
from edurelay.egress.hosts import as_address

#: How many names are remembered.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    addresses: deque[AddrInfoType]
    until: float


class Names:
    """Looks names up by `resolver`, and remembers for `kept` seconds what it said of those that exist."""

    def __init__(self, resolver: AbstractResolver | None, kept: float) -> None:
        self._given = resolver
        self._resolver = resolver or DefaultResolver()
        self._kept = kept
        self._known: OrderedDict[tuple[str, int], _Known] = OrderedDict()
        self._asked: dict[tuple[str, int], asyncio.Task[deque[AddrInfoType]]] = {}

    async def look_up(self, host: str, port: int) -> list[AddrInfoType]:
        """Return where `host` is, another of its addresses first at each call. Raises `EgressFailed`."""
        if (address := as_address(host)) is not None:
            return [_candidate(socket.AF_INET if address.version == 4 else socket.AF_INET6, host, port)]
        known = self._known.get((host, port))
        if known is None or known.until <= time.monotonic():
            try:
                # One who gives up does not take the answer away from the others.
                addresses = await asyncio.shield(self._asked.get((host, port)) or self._ask(host, port))
            except (OSError, ValueError):
                # An error for each who asked: it is told where their own time went.
                raise EgressFailed("dns", sent=False) from None
        else:
            addresses = known.addresses
        found = list(addresses)
        addresses.rotate(-1)
        return found

    async def close(self) -> None:
        """End what is under way."""
        for task in self._asked.values():
            task.cancel()
        if self._given is None:
            await self._resolver.close()

    def _ask(self, host: str, port: int) -> asyncio.Task[deque[AddrInfoType]]:
        task = self._asked[host, port] = asyncio.create_task(self._resolve(host, port))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # Nobody may wait for it by then.
        return task

    async def _resolve(self, host: str, port: int) -> deque[AddrInfoType]:
        try:
            found = await self._resolver.resolve(host, port, family=socket.AF_UNSPEC)
            addresses = deque(_candidate(each["family"], each["host"], each["port"]) for each in found)
        finally:
            del self._asked[host, port]
        if not addresses:
            raise OSError("the name has no address")
        self._known[host, port] = _Known(addresses, time.monotonic() + self._kept)
        self._known.move_to_end((host, port))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return addresses


def _candidate(family: int, host: str, port: int) -> AddrInfoType:
    address = (host, port, 0, 0) if family == socket.AF_INET6 else (host, port)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address
