"""The addresses that outbound HTTP never reaches, in a table of our own.

The standard library's `is_global` and `is_private` change between patch releases and pass multicast, site-local,
NAT64 and other ranges as public. The table follows the special-purpose registries of RFC 6890, and names the metadata
services that lie outside them. In IPv6 all is refused but global unicast (2000::/3), and parts of that too.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_TABLE: Final = """
0.0.0.0/8           this network
10.0.0.0/8          private
100.64.0.0/10       shared by carriers, and a metadata service
127.0.0.0/8         loopback
168.63.129.16/32    metadata service
169.254.0.0/16      link-local, and metadata services
172.16.0.0/12       private
192.0.0.0/24        protocol assignments, and a metadata service
192.0.2.0/24        documentation
192.88.99.0/24      6to4 relays
192.168.0.0/16      private
198.18.0.0/15       benchmarking
198.51.100.0/24     documentation
203.0.113.0/24      documentation
224.0.0.0/4         multicast
240.0.0.0/4         reserved, and broadcast
::/128              unspecified
::1/128             loopback
::/96               IPv4-compatible
::ffff:0:0:0/96     IPv4-translated
64:ff9b:1::/48      NAT64 of the local network
100::/64            discard
5f00::/16           segment routing
fc00::/7            private, and metadata services
fe80::/10           link-local
fec0::/10           site-local
ff00::/8            multicast
2001::/32           Teredo
2001::/23           protocol assignments
2001:db8::/32       documentation
2002::/16           6to4
3fff::/20           documentation
::/3                not global unicast
4000::/2            not global unicast
8000::/1            not global unicast
"""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = {0x00005EFE, 0x02005EFE}


def _read(table: str) -> dict[int, list[tuple[Network, str]]]:
    ranges: dict[int, list[tuple[Network, str]]] = {4: [], 6: []}
    for line in table.strip().splitlines():
        cidr, meaning = line.split(maxsplit=1)
        network = ip_network(cidr)
        ranges[network.version].append((network, meaning))
    return ranges


_RANGES: Final = _read(_TABLE)


def why_refused(address: Address) -> str | None:
    """Return what kind of range keeps `address` from being reached, or None where none does.

    An IPv6 address that stands for an IPv4 address (mapped, NAT64, ISATAP) is as good as that one.
    """
    for form in _forms(address):
        for network, meaning in _RANGES[form.version]:
            if form in network:
                return meaning
    return None


def _forms(address: Address) -> Iterator[Address]:
    """Yield the addresses that must all be allowed for `address` to be."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield _low_half(address)
    else:
        yield address
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            yield _low_half(address)


def _low_half(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
