"""Whatever a URL or a name says, no connection is made to an inside address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edurelay.egress.client import EgressClient
from edurelay.egress.errors import AddressRefused, EgressFailed, UrlRefused
from edurelay.egress.guard import AddressGuard
from edurelay_connector_runner.connectors.moodle import MoodleConnector
from edurelay_connector_runner.outbound import Outbound
from edurelay_connector_runner.sdk import ConfigurationError, Context
from edurelay_sandbox.receiver import Names, Receiver, answer
from integration.egress.addresses import ADDRESSES, HOSTS, NAMES, URLS, urls, urls_of
from integration.moodle.driver import NoFiles


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with EgressClient(
        AddressGuard(), user_agent="test", require_https=False, connect_timeout=1.0, resolver=Names({})
    ) as client:
        yield client


async def nobody_came(receiver: Receiver) -> None:
    """Assert that the first connection to the receiver is one that is made now."""
    _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    async with asyncio.timeout(5):
        while receiver.connections == 0:
            await asyncio.sleep(0.001)
    writer.close()
    assert receiver.connections == 1


def test_the_table_is_long_and_says_nothing_twice() -> None:
    assert len(HOSTS) + len(URLS) + len(NAMES) + len(ADDRESSES) >= 150
    assert len(set(urls(1))) == 2 * len(HOSTS) + len(URLS)


@pytest.mark.parametrize("form", HOSTS + URLS)
async def test_a_url_that_leads_inwards_makes_no_connection(
    client: EgressClient, receiver: Receiver, form: str
) -> None:
    for url in urls_of(form, receiver.port):
        with pytest.raises(UrlRefused) as caught:
            await client.request("GET", url, timeout=5, max_bytes=100)
        assert not caught.value.sent
    await nobody_came(receiver)


@pytest.mark.parametrize("path", ["#@{}", "?@{}", "/@{}", "/#@{}", "/\u2044..@{}"])
async def test_what_another_reader_may_take_for_the_host_is_not_where_it_goes(receiver: Receiver, path: str) -> None:
    names = Names({})
    url = "https://example.com" + path.format(f"127.0.0.1:{receiver.port}/")
    async with EgressClient(AddressGuard(), user_agent="test", resolver=names) as client:
        with pytest.raises(EgressFailed, match="resolved"):
            await client.request("GET", url, timeout=5, max_bytes=100)
    assert names.asked == ["example.com"]
    await nobody_came(receiver)


@pytest.mark.parametrize(("name", "address"), [*NAMES.items(), *[("evil.example", each) for each in ADDRESSES]])
async def test_a_name_that_leads_inwards_makes_no_connection(receiver: Receiver, name: str, address: str) -> None:
    names = Names({host: [[address]] for host in (name, "xn--bcher-kva.example")})
    async with EgressClient(AddressGuard(), user_agent="test", require_https=False, resolver=names) as client:
        for scheme in ("http", "https"):
            with pytest.raises(AddressRefused) as caught:
                await client.request("POST", receiver.at(name, scheme=scheme), data=b"x", timeout=5, max_bytes=100)
            assert not caught.value.sent
            assert caught.value.address == address
    await nobody_came(receiver)


@pytest.mark.parametrize("form", [*HOSTS, *URLS, *NAMES])
async def test_the_address_of_a_connection_leads_inwards_no_more_than_an_endpoints(
    receiver: Receiver, form: str
) -> None:
    names = Names({name: [[address]] for name, address in NAMES.items()})
    async with EgressClient(AddressGuard(), user_agent="test", require_https=False, resolver=names) as egress:
        http = Outbound(egress).http_for("connection", "MOODLE", None)
        for url in [receiver.at(form)] if form in NAMES else urls_of(form, receiver.port):
            context = Context({"apiUrl": url}, {"wsToken": "0123456789abcdef"}, http, NoFiles())
            with pytest.raises(ConfigurationError):
                await MoodleConnector(context).check()
    await nobody_came(receiver)


async def test_a_name_with_several_inside_addresses_makes_no_connection(receiver: Receiver) -> None:
    names = Names({"evil.example": [["::1", "127.0.0.1", "10.0.0.1"]]})
    async with EgressClient(AddressGuard(), user_agent="test", require_https=False, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await client.request("GET", f"http://evil.example:{receiver.port}/", timeout=5, max_bytes=100)
    assert receiver.connections == 0


async def test_of_several_addresses_only_the_good_ones_are_tried(receiver: Receiver) -> None:
    names = Names({"mixed.example": [["::1", "10.0.0.1", "127.0.0.1"]]})
    guard = AddressGuard("127.0.0.1/32")
    async with EgressClient(guard, user_agent="test", require_https=False, resolver=names) as client:
        reply = await client.request("GET", f"http://mixed.example:{receiver.port}/", timeout=5, max_bytes=100)
    assert reply.status == 200


async def test_a_name_that_changes_its_mind_gets_nowhere(receiver: Receiver) -> None:
    names = Names({"rebound.example": [["127.0.0.2"], ["127.0.0.1"]]})
    receiver.play(answer(headers={"Connection": "close"}))
    async with EgressClient(
        AddressGuard("127.0.0.2"), user_agent="test", require_https=False, resolver=names, names_kept=0
    ) as client:
        url = receiver.at("rebound.example")
        assert (await client.request("GET", url, timeout=5, max_bytes=100)).status == 200
        with pytest.raises(AddressRefused):
            await client.request("GET", url, timeout=5, max_bytes=100)
    assert (receiver.connections, len(names.asked)) == (1, 2)


async def test_a_name_that_is_listed_may_lead_inwards(receiver: Receiver) -> None:
    names = Names({"receiver.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]})
    async with EgressClient(AddressGuard("receiver.test"), user_agent="test", resolver=names) as client:
        reply = await client.request("GET", f"http://receiver.test:{receiver.port}/", timeout=5, max_bytes=100)
        assert reply.status == 200
        with pytest.raises(UrlRefused):
            await client.request("GET", f"http://other.test:{receiver.port}/", timeout=5, max_bytes=100)
        with pytest.raises(AddressRefused):
            await client.request("GET", f"https://other.test:{receiver.port}/", timeout=5, max_bytes=100)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, status: str) -> None:
    receiver.play(answer(status, headers={"Location": f"http://127.0.0.1:{receiver.port}/inside"}))
    async with EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test") as client:
        reply = await client.request("POST", receiver.url, data=b"x", timeout=5, max_bytes=100)
    assert reply.status == int(status[:3])
    assert len(receiver.requests) == 1


async def test_proxies_of_the_environment_are_not_heeded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
    names = Names({})
    async with EgressClient(AddressGuard("127.0.0.0/8"), user_agent="test", resolver=names) as client:
        with pytest.raises(EgressFailed, match="resolved"):
            await client.request("GET", "https://example.com/", timeout=5, max_bytes=100)
    assert receiver.connections == 0


async def test_neighbouring_requests_do_not_lend_each_other_their_listing(receiver: Receiver) -> None:
    names = Names({"receiver.test": [["127.0.0.1"]], "evil.example": [["127.0.0.1"]]})
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
