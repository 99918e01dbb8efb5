"""Whatever a URL or a name says, no connection is made to an inside address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edurelay.egress.client import EgressClient
from edurelay.egress.errors import AddressRefused, EgressError, EgressFailed, UrlRefused
from edurelay.egress.guard import AddressGuard
from integration.egress.receiver import Names, Receiver, answer

#: Hosts as a URL may write them. Each stands for this machine, its network, or something else that is out of bounds.
HOSTS = [
    # this machine, in every notation that some resolver takes
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0177.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.0x1",
    "00000127.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "app.localhost",
    "ⅼocalhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::ffff:127.0.0.1%25lo]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::7f00:1]",
    "[2001:0:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2a00::5efe:7f00:1]",
    # the network around it
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:a00:1::]",
    # metadata services
    "169.254.169.254",
    "169.254.170.2",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[::169.254.169.254]",
    # what is nobody's, or everybody's
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "192.88.99.1",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    # a public address is no name either
    "8.8.8.8",
    "[2606:4700:4700::1111]",
    # another host in front
    "example.com@127.0.0.1",
    "example.com:443@127.0.0.1",
    "@127.0.0.1",
    "example.com%40127.0.0.1",
    "example.com\\@127.0.0.1",
    "example.com#@127.0.0.1:1/..@127.0.0.1",
]

#: Addresses that a name may lead to.
ADDRESSES = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "192.168.1.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fe80::1%lo",
    "fd00:ec2::254",
    "ff02::1",
]


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    names = Names({"example.com": [], "evil.example": []})
    async with EgressClient(
        AddressGuard(), user_agent="test", require_https=False, connect_timeout=1.0, resolver=names
    ) as client:
        yield client


@pytest.mark.parametrize("host", HOSTS)
async def test_a_url_that_leads_inwards_makes_no_connection(
    client: EgressClient, receiver: Receiver, host: str
) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(EgressError) as caught:
            await client.request("GET", f"{scheme}://{host}:{receiver.port}/", timeout=5, max_bytes=100)
        # A name that is only looked up, and in vain, is as good.
        assert isinstance(caught.value, UrlRefused | AddressRefused) or caught.value.reason == "dns"  # type: ignore[attr-defined]
        assert not caught.value.sent
    assert receiver.connections == 0


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_leads_inwards_makes_no_connection(receiver: Receiver, address: str) -> None:
    names = Names({"evil.example": [address]})
    async with EgressClient(AddressGuard(), user_agent="test", require_https=False, resolver=names) as client:
        with pytest.raises(AddressRefused) as caught:
            await client.request("POST", f"http://evil.example:{receiver.port}/", data=b"x", timeout=5, max_bytes=100)
    assert not caught.value.sent
    assert caught.value.address == address
    assert receiver.connections == 0


async def test_a_name_with_several_inside_addresses_makes_no_connection(receiver: Receiver) -> None:
    names = Names({"evil.example": ["::1", "127.0.0.1", "10.0.0.1"]})
    async with EgressClient(AddressGuard(), user_agent="test", require_https=False, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await client.request("GET", f"http://evil.example:{receiver.port}/", timeout=5, max_bytes=100)
    assert receiver.connections == 0


async def test_of_several_addresses_only_the_good_ones_are_tried(receiver: Receiver) -> None:
    names = Names({"mixed.example": ["::1", "10.0.0.1", "127.0.0.1"]})
    guard = AddressGuard("127.0.0.1/32")
    async with EgressClient(guard, user_agent="test", require_https=False, resolver=names) as client:
        reply = await client.request("GET", f"http://mixed.example:{receiver.port}/", timeout=5, max_bytes=100)
    assert reply.status == 200


async def test_a_name_that_changes_its_mind_gets_nowhere(receiver: Receiver) -> None:
    names = Names({"rebound.example": ["127.0.0.1"]})
    guard = AddressGuard("127.0.0.1/32")
    receiver.script = answer(headers={"Connection": "close"})
    async with EgressClient(guard, user_agent="test", require_https=False, resolver=names) as client:
        url = f"http://rebound.example:{receiver.port}/"
        assert (await client.request("GET", url, timeout=5, max_bytes=100)).status == 200
    names.addresses["rebound.example"] = ["127.0.0.2"]
    async with EgressClient(guard, user_agent="test", require_https=False, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await client.request("GET", url, timeout=5, max_bytes=100)
    assert receiver.connections == 1


async def test_a_name_that_is_listed_may_lead_inwards(receiver: Receiver) -> None:
    names = Names({"receiver.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    async with EgressClient(AddressGuard("receiver.test"), user_agent="test", resolver=names) as client:
        reply = await client.request("GET", f"http://receiver.test:{receiver.port}/", timeout=5, max_bytes=100)
        assert reply.status == 200
        with pytest.raises(UrlRefused):
            await client.request("GET", f"http://other.test:{receiver.port}/", timeout=5, max_bytes=100)
        with pytest.raises(AddressRefused):
            await client.request("GET", f"https://other.test:{receiver.port}/", timeout=5, max_bytes=100)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, status: str) -> None:
    receiver.script = answer(status=status, headers={"Location": f"http://127.0.0.1:{receiver.port}/inside"})
    async with EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test") as client:
        reply = await client.request("POST", receiver.url, data=b"x", timeout=5, max_bytes=100)
    assert reply.status == int(status[:3])
    assert len(receiver.requests) == 1


async def test_proxies_of_the_environment_are_not_heeded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
    names = Names({"example.com": []})
    async with EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test", resolver=names) as client:
        with pytest.raises(EgressFailed, match="resolved"):
            await client.request("GET", "https://example.com/", timeout=5, max_bytes=100)
    assert receiver.connections == 0


async def test_neighbouring_requests_do_not_lend_each_other_their_listing(receiver: Receiver) -> None:
    names = Names({"receiver.test": ["127.0.0.1"], "evil.example": ["127.0.0.1"]})
    async with EgressClient(
        AddressGuard("receiver.test"), user_agent="test", require_https=False, resolver=names
    ) as client:

        async def ask(host: str) -> int | None:
            try:
                url = f"http://{host}:{receiver.port}/"
                return (await client.request("GET", url, timeout=5, max_bytes=100)).status
            except AddressRefused:
                return None

        hosts = ["receiver.test", "evil.example"] * 20
        assert await asyncio.gather(*[ask(host) for host in hosts]) == [200, None] * 20
