"""Names that lead wherever a test wants, and elsewhere at the next look-up."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Gives the `n`th look-up of a name the `n`th of its lists of addresses, and every later one the last. A name with
    an empty list, or without any, does not exist. `asked` holds the names that were looked up."""

    def __init__(self, addresses: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.addresses = {name: list(lists) for name, lists in addresses.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses. Raises `OSError` for a name that does not exist."""
        self.asked.append(host)
        lists = self.addresses.get(host, [[]])
        found = lists[min(self.asked.count(host), len(lists)) - 1]
        if not found:
            raise OSError(f"no such host: {host}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
