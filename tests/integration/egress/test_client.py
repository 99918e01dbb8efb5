"""One exchange: whole, within its time and its bytes, and with a clear word where it fails."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edurelay.egress.client import EgressAnswer, EgressClient
from edurelay.egress.errors import EgressFailed, EgressTimeout
from edurelay.egress.guard import AddressGuard
from integration.egress.receiver import Names, Receiver, answer, raw

GUARD = AddressGuard("127.0.0.0/8,receiver.test")


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with EgressClient(GUARD, user_agent="Edurelay/1.0") as client:
        yield client


async def get(client: EgressClient, url: str, *, timeout: float = 5, max_bytes: int = 100) -> EgressAnswer:
    return await client.request("GET", url, timeout=timeout, max_bytes=max_bytes)


async def test_the_answer_comes_whole(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = answer(b"hello", "201 Created", {"X-Thing": "one"})
    reply = await get(client, receiver.url)
    assert (reply.status, reply.body, reply.truncated) == (201, b"hello", False)
    assert reply.headers["x-thing"] == "one"
    assert 0 < reply.duration_ms < 5000


async def test_the_request_goes_out_as_it_was_given(client: EgressClient, receiver: Receiver) -> None:
    body = b'{"a": 1.10}\x00\xff'
    headers = {"Content-Type": "application/json", "webhook-id": "evt_1"}
    await client.request("POST", f"{receiver.url}?x=%20", headers=headers, data=body, timeout=5, max_bytes=10)
    head, _, sent = receiver.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /hook?x=%20 HTTP/1.1"
    assert sorted(fields) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{receiver.port}",
        "User-Agent: Edurelay/1.0",
        "webhook-id: evt_1",
    ]


async def test_a_header_of_the_caller_takes_the_place_of_ours(client: EgressClient, receiver: Receiver) -> None:
    await client.request("GET", receiver.url, headers={"accept": "text/csv"}, timeout=5, max_bytes=10)
    assert b"accept: text/csv" in receiver.requests[0]
    assert b"*/*" not in receiver.requests[0]


async def test_a_large_body_is_sent_whole(client: EgressClient, receiver: Receiver) -> None:
    body = bytes(3 * 1024 * 1024)
    await client.request("PUT", receiver.url, data=body, timeout=10, max_bytes=10)
    assert receiver.requests[0].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(("size", "truncated"), [(0, False), (99, False), (100, False), (101, True), (300_000, True)])
async def test_a_body_is_read_up_to_the_bound(
    client: EgressClient, receiver: Receiver, size: int, truncated: bool
) -> None:
    receiver.script = answer(bytes(size))
    reply = await get(client, receiver.url)
    assert (len(reply.body), reply.truncated) == (min(size, 100), truncated)


async def test_a_body_in_chunks_of_exactly_the_bound_is_whole(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", close=False)
    reply = await get(client, receiver.url, max_bytes=5)
    assert (reply.body, reply.truncated) == (b"hello", False)


@pytest.mark.parametrize(("rest", "truncated"), [(b"0\r\n\r\n", False), (b"1\r\n!\r\n0\r\n\r\n", True)])
async def test_what_follows_later_behind_the_bound_decides(
    client: EgressClient, receiver: Receiver, rest: bytes, truncated: bool
) -> None:
    async def in_two_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await asyncio.sleep(0.05)
        writer.write(rest)

    receiver.script = in_two_parts
    reply = await get(client, receiver.url, max_bytes=5)
    assert (reply.body, reply.truncated) == (b"hello", truncated)


async def test_an_endless_body_ends_at_the_bound(client: EgressClient, receiver: Receiver) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    receiver.script = endless
    reply = await get(client, receiver.url, max_bytes=200_000)
    assert (len(reply.body), reply.truncated) == (200_000, True)


async def test_a_large_body_within_the_bound_is_read_whole(client: EgressClient, receiver: Receiver) -> None:
    body = bytes(range(256)) * 8192
    receiver.script = answer(body)
    assert (await get(client, receiver.url, max_bytes=len(body))).body == body


async def test_nothing_is_unpacked(client: EgressClient, receiver: Receiver) -> None:
    packed = gzip.compress(bytes(1_000_000))
    receiver.script = answer(packed, headers={"Content-Encoding": "gzip"})
    assert (await get(client, receiver.url, max_bytes=65536)).body == packed


async def test_the_time_includes_a_dripping_body(client: EgressClient, receiver: Receiver) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    receiver.script = drip
    began = time.monotonic()
    with pytest.raises(EgressTimeout) as caught:
        await get(client, receiver.url, timeout=0.3, max_bytes=1000)
    assert 0.25 < time.monotonic() - began < 2
    assert caught.value.sent


async def test_a_receiver_that_says_nothing_is_a_timeout_after_sending(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.script = raw(b"", close=False)
    with pytest.raises(EgressTimeout) as caught:
        await get(client, receiver.url, timeout=0.2)
    assert caught.value.sent


async def test_a_name_that_is_not_looked_up_in_time_is_a_timeout_before_sending() -> None:
    class Silent(Names):
        async def resolve(self, host: str, port: int = 0, family: object = None) -> list:  # type: ignore[type-arg]
            await asyncio.Event().wait()
            raise AssertionError

    async with EgressClient(GUARD, user_agent="t", resolver=Silent({})) as client:
        with pytest.raises(EgressTimeout) as caught:
            await get(client, "https://receiver.test/", timeout=0.1)
    assert not caught.value.sent
    assert list(caught.value.phases) == ["lookup"]


async def test_a_connection_that_is_not_taken_in_time_is_a_timeout_before_sending() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):  # The queue has room for one, and nobody takes it.
            async with EgressClient(GUARD, user_agent="t", connect_timeout=0.2) as client:
                with pytest.raises(EgressTimeout) as caught:
                    await get(client, f"http://127.0.0.1:{address[1]}/", timeout=10)
    assert not caught.value.sent
    assert list(caught.value.phases) == ["lookup", "connect"]


async def test_a_refused_connection_is_a_failure_before_sending(client: EgressClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(EgressFailed) as caught:
        await get(client, f"http://127.0.0.1:{port}/")
    assert (caught.value.reason, caught.value.sent) == ("connect", False)


async def test_an_unknown_name_is_a_failure_before_sending() -> None:
    async with EgressClient(GUARD, user_agent="t", resolver=Names({"receiver.test": []})) as client:
        with pytest.raises(EgressFailed) as caught:
            await get(client, "https://receiver.test/")
    assert (caught.value.reason, caught.value.sent) == ("dns", False)


@pytest.mark.parametrize(
    "text",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
    ids=["before the answer", "in the head", "in the body"],
)
async def test_a_cut_connection_is_a_failure_after_sending(
    client: EgressClient, receiver: Receiver, text: bytes
) -> None:
    receiver.script = raw(text)
    with pytest.raises(EgressFailed) as caught:
        await get(client, receiver.url)
    assert (caught.value.reason, caught.value.sent) == ("disconnected", True)


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n",
    ],
    ids=["another protocol", "status", "length", "long header", "many headers"],
)
async def test_an_answer_that_is_no_http_is_a_failure(client: EgressClient, receiver: Receiver, text: bytes) -> None:
    receiver.script = raw(text)
    with pytest.raises(EgressFailed) as caught:
        await get(client, receiver.url)
    assert (caught.value.reason, caught.value.sent) == ("protocol", True)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b"])
async def test_a_header_cannot_be_split(client: EgressClient, receiver: Receiver, value: str) -> None:
    with pytest.raises(EgressFailed) as caught:
        await client.request("GET", receiver.url, headers={"X-Tenant": value}, timeout=5, max_bytes=10)
    assert (caught.value.reason, caught.value.sent) == ("request", False)
    assert receiver.requests == []


async def test_an_untrusted_certificate_is_a_failure_before_sending(client: EgressClient, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        with pytest.raises(EgressFailed) as caught:
            await get(client, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (caught.value.reason, caught.value.sent) == ("tls", False)
    assert list(caught.value.phases) == ["lookup", "connect", "tls"]
    assert not any(requests)


async def test_a_failure_quotes_neither_url_nor_headers(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = raw(b"")
    with pytest.raises(EgressFailed) as caught:
        await client.request(
            "GET", f"{receiver.url}?token=hush", headers={"Authorization": "hush"}, timeout=5, max_bytes=10
        )
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_connections_are_kept_for_the_next_request(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = answer(b"ok")
    replies = [await client.request("POST", receiver.url, data=b"x", timeout=5, max_bytes=10) for _ in range(5)]
    assert (receiver.connections, len(receiver.requests)) == (1, 5)
    assert list(replies[0].phases) == ["lookup", "connect", "send", "wait", "read"]
    assert [list(reply.phases) for reply in replies[1:]] == [["send", "wait", "read"]] * 4
    assert all(sum(reply.phases.values()) == reply.duration_ms for reply in replies)


async def test_a_connection_with_an_unread_rest_is_not_used_again(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = answer(bytes(500_000))
    await get(client, receiver.url)
    receiver.script = answer(b"clean")
    assert (await get(client, receiver.url)).body == b"clean"
    assert receiver.connections == 2


async def test_a_host_gets_no_more_connections_than_allowed(receiver: Receiver) -> None:
    receiver.script = answer(b"ok")
    async with EgressClient(GUARD, user_agent="t", limit_per_host=2) as client:
        await asyncio.gather(*[get(client, receiver.url) for _ in range(10)])
    assert receiver.connections == 2
    assert len(receiver.requests) == 10


async def test_cookies_are_not_kept(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = answer(headers={"Set-Cookie": "session=1; Path=/"})
    await get(client, receiver.url)
    await get(client, receiver.url)
    assert b"cookie" not in receiver.requests[1].lower()


def closing_at_the_next_request(receiver: Receiver) -> None:
    """Answer the first request; take the second on the same connection and close without a word."""

    async def second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.script = answer(b"third")
        writer.close()

    async def first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(b"first")(reader, writer)
        receiver.script = second

    receiver.script = first


async def test_a_kept_connection_that_turns_out_dead_fails_what_may_not_be_repeated(
    client: EgressClient, receiver: Receiver
) -> None:
    closing_at_the_next_request(receiver)
    await client.request("POST", receiver.url, data=b"1", timeout=5, max_bytes=10)
    with pytest.raises(EgressFailed) as caught:
        await client.request("POST", receiver.url, data=b"2", timeout=5, max_bytes=10)
    assert (caught.value.reason, caught.value.sent) == ("disconnected", True)


async def test_a_kept_connection_that_turns_out_dead_is_replaced_for_what_may_be_repeated(
    client: EgressClient, receiver: Receiver
) -> None:
    closing_at_the_next_request(receiver)
    await client.request("POST", receiver.url, data=b"1", timeout=5, max_bytes=10, repeatable=True)
    reply = await client.request("POST", receiver.url, data=b"2", timeout=5, max_bytes=10, repeatable=True)
    assert (reply.body, receiver.connections) == (b"third", 2)
    assert [request[-1:] for request in receiver.requests] == [b"1", b"2", b"2"]


async def test_what_may_be_repeated_is_not_repeated_on_a_new_connection(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.script = raw(b"")
    with pytest.raises(EgressFailed):
        await client.request("POST", receiver.url, data=b"1", timeout=5, max_bytes=10, repeatable=True)
    assert len(receiver.requests) == 1


async def test_a_cancelled_request_ends_at_once(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = raw(b"", close=False)
    asking = asyncio.create_task(get(client, receiver.url, timeout=60))
    async with asyncio.timeout(5):
        while not receiver.requests:
            await asyncio.sleep(0.001)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_other_requests_go_on_beside_a_slow_one(client: EgressClient, receiver: Receiver) -> None:
    receiver.script = raw(b"", close=False)
    slow = asyncio.create_task(get(client, receiver.url, timeout=1))
    async with asyncio.timeout(5):
        while not receiver.requests:
            await asyncio.sleep(0.001)
    receiver.script = answer(b"ok")
    assert (await get(client, receiver.url)).body == b"ok"
    assert not slow.done()
    with pytest.raises(EgressTimeout):
        await slow


def self_signed(folder: Path) -> Path:
    """Return a file with a key and a certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "self-signed.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
