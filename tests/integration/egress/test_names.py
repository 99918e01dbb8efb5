"""Names are looked up beside each other: one that nobody answers for delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp.resolver
import dns.message
import dns.rrset
import pytest
from aiohttp.resolver import AsyncResolver

from edurelay.egress.client import EgressClient
from edurelay.egress.errors import EgressFailed
from edurelay.egress.guard import AddressGuard
from edurelay_sandbox.receiver import Names, Receiver, answer

#: More than any pool of threads has room for.
SILENT = 50


class NameServer(asyncio.DatagramProtocol):
    """Knows `known.test`, knows that there is no `unknown.test`, and says nothing of any other name."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.add(name)
        reply = dns.message.make_response(query, recursion_available=True)
        if name == "known.test" and question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "127.0.0.1"))
        elif name == "unknown.test":
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if name in ("known.test", "unknown.test"):
            self._transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def looking_up(timeout: float) -> AsyncIterator[tuple[EgressClient, NameServer]]:
    """A client that asks a name server of its own, which gives up on a name after `timeout` seconds."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    resolver = AsyncResolver(nameservers=["127.0.0.1"], udp_port=port, timeout=timeout, tries=1)
    try:
        async with EgressClient(
            AddressGuard("127.0.0.0/8"), user_agent="test", require_https=False, resolver=resolver
        ) as client:
            yield client, server
    finally:
        await resolver.close()
        transport.close()


def test_names_are_looked_up_without_threads_unless_said_otherwise() -> None:
    assert aiohttp.resolver.DefaultResolver is AsyncResolver


async def test_a_name_that_nobody_answers_for_delays_no_other(receiver: Receiver) -> None:
    async with looking_up(timeout=60) as (client, server):
        names = [f"silent-{number}.test" for number in range(SILENT)]

        silent = [
            asyncio.create_task(client.request("GET", f"http://{name}/", timeout=60, max_bytes=100)) for name in names
        ]
        async with asyncio.timeout(20):
            while not server.asked >= set(names):
                await asyncio.sleep(0.01)
            reply = await client.request("GET", receiver.at("known.test"), timeout=20, max_bytes=100)
        assert reply.status == 200
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.wait(silent)


async def test_a_name_that_does_not_exist_or_is_not_answered_for_is_a_failure_before_sending() -> None:
    async with looking_up(timeout=0.2) as (client, _):
        for name in ("unknown.test", "silent.test"):
            with pytest.raises(EgressFailed) as caught:
                await client.request("GET", f"http://{name}/", timeout=10, max_bytes=100)
            assert (caught.value.reason, caught.value.sent) == ("dns", False)


class Slow(Names):
    """Answers when it is told to."""

    def __init__(self, addresses: dict[str, list[list[str]]]) -> None:
        super().__init__(addresses)
        self.told = asyncio.Event()

    async def resolve(self, host: str, port: int = 0, family: object = None) -> list:  # type: ignore[type-arg]
        found = await super().resolve(host, port)
        await self.told.wait()
        return found


async def test_a_name_that_many_ask_for_is_looked_up_once_and_remembered(receiver: Receiver) -> None:
    names = Slow({"receiver.test": [["127.0.0.1"]]})
    guard = AddressGuard("127.0.0.0/8")
    async with EgressClient(guard, user_agent="test", require_https=False, resolver=names) as client:

        async def ask() -> int:
            return (await client.request("GET", receiver.at("receiver.test"), timeout=20, max_bytes=100)).status

        asking = [asyncio.create_task(ask()) for _ in range(5)]
        async with asyncio.timeout(5):
            while not names.asked:
                await asyncio.sleep(0.001)
        asking[0].cancel()  # Who asked first does not take the answer along.
        names.told.set()
        assert await asyncio.gather(*asking[1:]) == [200] * 4
        assert await ask() == 200
    assert names.asked == ["receiver.test"]


async def test_the_addresses_of_a_name_take_turns(receiver: Receiver) -> None:
    names = Names({"receiver.test": [["127.0.0.1", "127.0.0.2", "127.0.0.3"]]})
    tried: list[str] = []

    class Noting(AddressGuard):
        def check(self, ip: str, host: str | None = None) -> None:
            tried.append(ip)
            super().check(ip, host)

    async with EgressClient(Noting("127.0.0.1"), user_agent="test", require_https=False, resolver=names) as client:
        receiver.play(answer(headers={"Connection": "close"}))
        for _ in range(3):
            await client.request("GET", receiver.at("receiver.test"), timeout=20, max_bytes=100)
    assert tried == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.3", "127.0.0.1"]
