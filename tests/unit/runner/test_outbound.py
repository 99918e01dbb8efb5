"""A connector's HTTP is guarded, paced, bounded, and fails in the SDK's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson
import pytest
from aiohttp import web

from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.web.server import serve
from edurelay_connector_runner.outbound import Outbound
from edurelay_connector_runner.sdk import ConfigurationError, HttpClient, RateLimit, Transient


@dataclass
class Site:
    """A provider on this machine: what it was asked, when, and how many requests it had at once."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.at.append(asyncio.get_running_loop().time())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        await asyncio.sleep(float(request.query.get("wait", "0")))
        self.open -= 1
        return web.Response(status=418, body=b"x" * 1000, headers={"X-Colour": "green"})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_route("*", "/", site.answer)
    async with serve(application, "127.0.0.1", 0) as port:
        site.url = f"http://127.0.0.1:{port}/"
        yield site


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with EgressClient(AddressGuard("127.0.0.0/8"), user_agent="tests") as egress:
        yield Outbound(egress)


@pytest.fixture
def http(outbound: Outbound) -> HttpClient:
    return outbound.http_for("connection", "SCRIPTED", None)


async def test_an_answer_of_any_status_comes_back_whole(site: Site, http: HttpClient) -> None:
    answer = await http.request("GET", site.url, headers={"Authorization": "Bearer x"})
    assert (answer.status, len(answer.body), answer.headers["x-colour"]) == (418, 1000, "green")
    assert site.headers[0]["authorization"] == "Bearer x"


async def test_a_form_is_sent_urlencoded(site: Site, http: HttpClient) -> None:
    await http.request("POST", site.url, form={"values[0]": "ana@example.com", "name": "Müller & Söhne"})
    assert site.headers[0]["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(site.bodies[0].decode())) == {"values[0]": "ana@example.com", "name": "Müller & Söhne"}


async def test_a_value_is_sent_as_json(site: Site, http: HttpClient) -> None:
    await http.request("POST", site.url, json={"a": [1, None]})
    assert site.headers[0]["content-type"] == "application/json"
    assert orjson.loads(site.bodies[0]) == {"a": [1, None]}


async def test_an_address_that_leads_inwards_is_a_mistake_in_the_configuration(site: Site) -> None:
    async with EgressClient(AddressGuard(), user_agent="tests") as egress:
        http = Outbound(egress).http_for("connection", "SCRIPTED", None)
        for url in (site.url, "https://localhost/", "ftp://example.com", "https://user:pw@example.com/"):
            with pytest.raises(ConfigurationError):
                await http.request("GET", url)
    assert site.at == []


async def test_an_answer_that_is_too_slow_or_too_large_may_come_another_time(site: Site, http: HttpClient) -> None:
    with pytest.raises(Transient, match="no whole answer came in time"):
        await http.request("GET", site.url + "?wait=5", timeout=0.1)
    with pytest.raises(Transient, match="larger than 999 bytes"):
        await http.request("GET", site.url, max_bytes=999)


async def test_nobody_listening_may_pass(http: HttpClient) -> None:
    with pytest.raises(Transient, match="did not take the connection"):
        await http.request("GET", "http://127.0.0.1:9999/")


async def test_a_header_that_http_does_not_allow_is_a_mistake_in_the_configuration(
    site: Site, http: HttpClient
) -> None:
    with pytest.raises(ConfigurationError):
        await http.request("GET", site.url, headers={"Authorization": "a\r\nX-Evil: 1"})


async def test_a_connection_keeps_to_the_manifests_concurrency_over_all_its_clients(
    site: Site, outbound: Outbound
) -> None:
    limit = RateLimit(requests=1000, seconds=1, concurrent=2)
    clients = [outbound.http_for("connection", "SCRIPTED", limit) for _ in range(3)]
    await asyncio.gather(*(client.request("GET", site.url + "?wait=0.02") for client in clients * 3))
    assert site.most_open == 2


async def test_requests_are_spread_so_that_no_window_holds_too_many(site: Site, outbound: Outbound) -> None:
    http = outbound.http_for("connection", "SCRIPTED", RateLimit(requests=20, seconds=1, concurrent=10))
    await asyncio.gather(*(http.request("GET", site.url) for _ in range(6)))
    assert site.at[-1] - site.at[0] >= 5 * 0.05 * 0.9


async def test_one_slow_connection_does_not_slow_another(site: Site, outbound: Outbound) -> None:
    slow = outbound.http_for("slow", "SCRIPTED", RateLimit(requests=1, seconds=60, concurrent=1))
    await slow.request("GET", site.url)
    waiting = asyncio.create_task(slow.request("GET", site.url))
    quick = outbound.http_for("quick", "SCRIPTED", RateLimit(requests=1, seconds=60, concurrent=1))
    async with asyncio.timeout(5):
        await quick.request("GET", site.url)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
