"""The guard refuses every address that leads inwards, in whatever form, and no other."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edurelay.egress.errors import AddressRefused
from edurelay.egress.guard import AddressGuard

DENIED_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
DENIED_V6 = [
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/3",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
METADATA = {
    "AWS, Google, Azure, DigitalOcean, Oracle": "169.254.169.254",
    "AWS containers": "169.254.170.2",
    "AWS name server": "169.254.169.253",
    "AWS in IPv6": "fd00:ec2::254",
    "Google in IPv6": "fd20:ce::254",
    "Alibaba": "100.100.100.200",
    "Oracle classic": "192.0.0.192",
    "Oracle in IPv6": "fd00:c1::a9fe:a9fe",
    "Azure wire server": "168.63.129.16",
    "Tencent": "169.254.0.23",
}
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "3ffe:ffff::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2606:4700::5efe:808:808",
]

guard = AddressGuard()


def inside(networks: list[str]) -> st.SearchStrategy[IPv4Address]:
    """Addresses of the networks, the first and last of each among them."""
    ranges = [IPv4Network(network) for network in networks]
    return st.one_of(
        [st.integers(int(found[0]), int(found[-1])).map(IPv4Address) for found in ranges],
    )


EMBEDDINGS = {
    "mapped": lambda v4: IPv6Address((0xFFFF << 32) | v4),
    "NAT64": lambda v4: IPv6Address((0x64FF9B << 96) | v4),
    "local NAT64": lambda v4: IPv6Address((0x64FF9B0001 << 80) | v4),
    "6to4": lambda v4: IPv6Address((0x2002 << 112) | (v4 << 80) | 1),
    "compatible": lambda v4: IPv6Address(v4),
    "translated": lambda v4: IPv6Address((0xFFFF << 48) | v4),
    "Teredo server": lambda v4: IPv6Address((0x2001 << 112) | (v4 << 64)),
    "Teredo client": lambda v4: IPv6Address((0x2001 << 112) | (v4 ^ 0xFFFFFFFF)),
    "ISATAP": lambda v4: IPv6Address((0x2A00 << 112) | (0x00005EFE << 32) | v4),
    "ISATAP with a global id": lambda v4: IPv6Address((0x2A00 << 112) | (0x02005EFE << 32) | v4),
}


@given(inside(DENIED_V4))
def test_every_address_of_a_denied_range_is_refused(address: IPv4Address) -> None:
    with pytest.raises(AddressRefused):
        guard.check(str(address))


@given(inside(DENIED_V4), st.sampled_from(sorted(EMBEDDINGS)))
def test_it_is_refused_in_every_embedding_and_notation(address: IPv4Address, embedding: str) -> None:
    embedded = EMBEDDINGS[embedding](int(address))
    for notation in (str(embedded), embedded.exploded, str(embedded).upper(), f"{embedded}%eth0", f"{embedded}%1"):
        with pytest.raises(AddressRefused):
            guard.check(notation)


@given(st.data())
def test_every_ipv6_address_of_a_denied_range_is_refused(data: st.DataObject) -> None:
    network = IPv6Network(data.draw(st.sampled_from(DENIED_V6)))
    address = IPv6Address(data.draw(st.integers(int(network[0]), int(network[-1]))))
    with pytest.raises(AddressRefused):
        guard.check(str(address))


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_in_ipv6_nothing_but_global_unicast_is_reached(address: IPv6Address) -> None:
    if address not in IPv6Network("2000::/3") and address not in IPv6Network("64:ff9b::/96"):
        with pytest.raises(AddressRefused):
            guard.check(str(address))


def outside(networks: list[str], whole: str) -> st.SearchStrategy[int]:
    """Addresses of a network that are in none of `networks`, which is most of it, as numbers."""
    within = ip_network(whole)
    ranges = [ip_network(network) for network in networks]
    numbers = st.integers(int(within[0]), int(within[-1]))
    return numbers.filter(lambda number: not any(int(each[0]) <= number <= int(each[-1]) for each in ranges))


@given(outside(DENIED_V4, "0.0.0.0/0").map(IPv4Address), st.sampled_from(["", "::ffff:", "64:ff9b::"]))
def test_every_other_ipv4_address_is_let_through_and_so_is_what_stands_for_it(
    address: IPv4Address, prefix: str
) -> None:
    guard.check(f"{prefix}{address}")


@given(outside(DENIED_V6, "2000::/3").map(IPv6Address))
def test_every_other_address_of_global_unicast_is_let_through(address: IPv6Address) -> None:
    assume((int(address) >> 32) & 0xFDFFFFFF != 0x5EFE)  # That is ISATAP, and as good as what it stands for.
    guard.check(str(address))
    guard.check(address.exploded.upper())


@pytest.mark.parametrize("cidr", DENIED_V4 + DENIED_V6)
def test_both_ends_of_a_denied_range_are_refused(cidr: str) -> None:
    network = IPv6Network(cidr) if ":" in cidr else IPv4Network(cidr)
    for address in (network[0], network[-1]):
        with pytest.raises(AddressRefused):
            guard.check(str(address))


@pytest.mark.parametrize("cloud", METADATA)
def test_the_metadata_service_of_each_cloud_is_refused(cloud: str) -> None:
    with pytest.raises(AddressRefused):
        guard.check(METADATA[cloud])


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through_up_to_the_very_edge_of_a_range(address: str) -> None:
    guard.check(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0177.0.0.1", "2130706433", "8.8.8.8%eth0", "8.8.8.8 ", "::g"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused):
        guard.check(text)


def test_a_refusal_tells_the_operator_what_it_was_and_the_tenant_nothing() -> None:
    with pytest.raises(AddressRefused) as caught:
        guard.check("10.1.2.3", "intranet.example")
    assert (caught.value.address, caught.value.why) == ("10.1.2.3", "private")
    assert "10.1.2.3" not in str(caught.value)
    assert "private" not in str(caught.value)
    assert not caught.value.sent


def test_a_listed_range_is_let_through_and_its_neighbours_are_not() -> None:
    listing = AddressGuard("127.0.0.0/30, fd00::/64")
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "fd00::1", "fd00::1%eth0"):
        listing.check(address)
    for address in ("127.0.0.4", "fd00:0:0:1::1", "::127.0.0.1", "10.0.0.1"):
        with pytest.raises(AddressRefused):
            listing.check(address)


def test_a_listed_address_is_let_through() -> None:
    AddressGuard("10.0.0.7").check("10.0.0.7")


def test_a_listed_name_is_let_through_wherever_it_leads_and_no_other_name_is() -> None:
    listing = AddressGuard("receiver.test,Other.Test.")
    listing.check("127.0.0.1", "receiver.test")
    listing.check("127.0.0.1", "RECEIVER.test.")
    listing.check("fe80::1%eth0", "other.test")
    for name in ("evil.receiver.test", "receiver.test.evil", "127.0.0.1", None):
        with pytest.raises(AddressRefused):
            listing.check("127.0.0.1", name)


def test_localhost_is_listed_with_its_address() -> None:
    assert AddressGuard("127.0.0.0/8").allows_host("localhost")
    assert not AddressGuard("10.0.0.0/8").allows_host("localhost")
    assert not AddressGuard().allows_host("localhost")


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "http://receiver.test", "receiver.test:80", "*.test", "1.2.3", "a b"])
def test_a_listing_that_means_nothing_is_an_error_that_names_it(entry: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        AddressGuard(f"127.0.0.0/8,{entry}")


@pytest.mark.parametrize("allow", ["", " ", ",", " , "])
def test_an_empty_listing_lists_nothing(allow: str) -> None:
    with pytest.raises(AddressRefused):
        AddressGuard(allow).check("127.0.0.1")
