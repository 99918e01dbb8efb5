"""The guard that every outbound connection passes, with the very address that it is about to be made to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from edurelay.egress.errors import AddressRefused
from edurelay.egress.hosts import as_address, is_name, plain
from edurelay.egress.ranges import Address, Network, why_refused

_LOOPBACK: Final = IPv4Address("127.0.0.1")


class AddressGuard:
    """Refuses addresses that lead inwards, but for those that the operator lists.

    `allow` is `EDURELAY_EGRESS_ALLOW`: a comma list of CIDRs, addresses and host names. A CIDR allows its addresses
    whatever name led to them, a name allows all its addresses. Raises `ValueError` for an entry that is neither.
    """

    def __init__(self, allow: str = "") -> None:
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        for entry in filter(None, map(str.strip, allow.split(","))):
            if is_name(plain(entry)):
                self._hosts.add(plain(entry))
            else:
                self._networks.append(_network(entry))

    def check(self, ip: str, host: str | None = None) -> None:
        """Raise `AddressRefused` unless a connection to `ip`, to which the name `host` led, may be made."""
        if host is not None and plain(host) in self._hosts:
            return
        address = as_address(ip)
        if address is None:
            raise AddressRefused(ip, "not an address")
        why = why_refused(address)
        if why is not None and not self._lists(address):
            raise AddressRefused(ip, why)

    def allows_host(self, host: str) -> bool:
        """Tell whether the operator lists `host`: by its name, or as an address by a CIDR. The name `localhost` is
        listed with its address."""
        name = plain(host)
        if name in self._hosts:
            return True
        address = _LOOPBACK if name == "localhost" else as_address(name)
        return address is not None and self._lists(address)

    def _lists(self, address: Address) -> bool:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._networks)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"{entry!r} is neither a CIDR nor an address nor a host name") from None
