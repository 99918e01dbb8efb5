"""The guard that every outbound connection passes, with the very address that it is about to be made to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from edurelay.egress.errors import AddressRefused
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
        for entry in filter(None, (part.strip() for part in allow.split(","))):
            if _is_name(entry):
                self._hosts.add(_plain(entry))
            else:
                self._networks.append(ip_network(entry, strict=False))

    def check(self, ip: str, host: str | None = None) -> None:
        """Raise `AddressRefused` unless a connection to `ip`, to which the name `host` led, may be made."""
        if host is not None and _plain(host) in self._hosts:
            return
        address = _parse(ip)
        if address is None:
            raise AddressRefused(ip, "not an address")
        why = why_refused(address)
        if why is not None and not self._lists(address):
            raise AddressRefused(ip, why)

    def allows_host(self, host: str) -> bool:
        """Tell whether the operator lists `host`: by its name, or as an address by a CIDR. The name `localhost` is
        listed with its address."""
        plain = _plain(host)
        if plain in self._hosts:
            return True
        address = _LOOPBACK if plain == "localhost" else _parse(plain)
        return address is not None and self._lists(address)

    def _lists(self, address: Address) -> bool:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._networks)


def _is_name(entry: str) -> bool:
    """Tell a name from an address or CIDR: its last label is no number. Anything with other signs is no name."""
    return all(part.replace("-", "").replace("_", "").isalnum() for part in _plain(entry).split(".")) and not (
        _plain(entry).rpartition(".")[2].isdigit()
    )


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _parse(ip: str) -> Address | None:
    try:
        return ip_address(ip.partition("%")[0])
    except ValueError:
        return None
