"""One exchange: whole, within its time and its bytes, and with a clear word where it fails."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from edurelay.egress import kept
from edurelay.egress.client import EgressAnswer, EgressClient
from edurelay.egress.errors import AddressRefused, EgressFailed, EgressTimeout
from edurelay.egress.guard import AddressGuard
from edurelay_sandbox.receiver import Authority, Hang, HangUp, Names, Read, Receiver, Script, Send, answer

GUARD = AddressGuard("127.0.0.0/8,receiver.test")


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    async with EgressClient(GUARD, user_agent="Edurelay/1.0") as client:
        yield client


def raw(text: bytes, *, close: bool = True) -> Script:
    """Read the request, write these very bytes, and close the connection or leave it open."""
    return (Read(), Send(text), HangUp() if close else Hang())


async def get(client: EgressClient, url: str, *, timeout: float = 5, max_bytes: int = 100) -> EgressAnswer:
    return await client.request("GET", url, timeout=timeout, max_bytes=max_bytes)


async def test_the_answer_comes_whole(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(answer("201 Created", b"hello", headers={"X-Thing": "one"}))
    reply = await get(client, receiver.url)
    assert (reply.status, reply.body, reply.truncated) == (201, b"hello", False)
    assert reply.headers["x-thing"] == "one"
    assert 0 < reply.duration_ms < 5000


async def test_the_request_goes_out_as_it_was_given(client: EgressClient, receiver: Receiver) -> None:
    body = b'{"a": 1.10}\x00\xff'
    headers = {"Content-Type": "application/json", "webhook-id": "evt_1"}
    await client.request("POST", f"{receiver.url}?x=%20", headers=headers, data=body, timeout=5, max_bytes=10)
    [request] = receiver.requests
    assert request.body == body
    line, *fields = request.head.decode().removesuffix("\r\n\r\n").split("\r\n")
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
    assert b"accept: text/csv" in receiver.requests[0].head
    assert b"*/*" not in receiver.requests[0].head


async def test_a_large_body_is_sent_whole(client: EgressClient, receiver: Receiver) -> None:
    body = bytes(3 * 1024 * 1024)
    await client.request("PUT", receiver.url, data=body, timeout=10, max_bytes=10)
    assert receiver.requests[0].body == body


@pytest.mark.parametrize(("size", "truncated"), [(0, False), (99, False), (100, False), (101, True), (300_000, True)])
async def test_a_body_is_read_up_to_the_bound(
    client: EgressClient, receiver: Receiver, size: int, truncated: bool
) -> None:
    receiver.play(answer(body=bytes(size)))
    reply = await get(client, receiver.url)
    assert (len(reply.body), reply.truncated) == (min(size, 100), truncated)


async def test_a_body_in_chunks_of_exactly_the_bound_is_whole(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", close=False))
    reply = await get(client, receiver.url, max_bytes=5)
    assert (reply.body, reply.truncated) == (b"hello", False)


@pytest.mark.parametrize(("rest", "truncated"), [(b"0\r\n\r\n", False), (b"1\r\n!\r\n0\r\n\r\n", True)])
async def test_what_follows_later_behind_the_bound_decides(
    client: EgressClient, receiver: Receiver, rest: bytes, truncated: bool
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    receiver.play((Read(), Send(head, every=0.05), Send(rest)))
    reply = await get(client, receiver.url, max_bytes=5)
    assert (reply.body, reply.truncated) == (b"hello", truncated)


async def test_an_endless_body_ends_at_the_bound(client: EgressClient, receiver: Receiver) -> None:
    receiver.play((Read(), Send(b"HTTP/1.1 200 OK\r\n\r\n"), Send(bytes(65536), times=None)))
    reply = await get(client, receiver.url, max_bytes=200_000)
    assert (len(reply.body), reply.truncated) == (200_000, True)


async def test_a_large_body_within_the_bound_is_read_whole(client: EgressClient, receiver: Receiver) -> None:
    body = bytes(range(256)) * 8192
    receiver.play(answer(body=body))
    assert (await get(client, receiver.url, max_bytes=len(body))).body == body


async def test_nothing_is_unpacked(client: EgressClient, receiver: Receiver) -> None:
    packed = gzip.compress(bytes(1_000_000))
    receiver.play(answer(body=packed, headers={"Content-Encoding": "gzip"}))
    assert (await get(client, receiver.url, max_bytes=65536)).body == packed


async def test_the_time_includes_a_dripping_body(client: EgressClient, receiver: Receiver) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    receiver.play((Read(), Send(head), Send(b"x", times=None, every=0.02)))
    began = time.monotonic()
    with pytest.raises(EgressTimeout) as caught:
        await get(client, receiver.url, timeout=0.3, max_bytes=1000)
    assert 0.25 < time.monotonic() - began < 2
    assert caught.value.sent


async def test_a_receiver_that_says_nothing_is_a_timeout_after_sending(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.play(raw(b"", close=False))
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
    async with EgressClient(GUARD, user_agent="t", resolver=Names({})) as client:
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
    receiver.play(raw(text))
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
    receiver.play(raw(text))
    with pytest.raises(EgressFailed) as caught:
        await get(client, receiver.url)
    assert (caught.value.reason, caught.value.sent) == ("protocol", True)


@pytest.mark.parametrize(
    ("behind_the_head", "understood"),
    [
        (b"5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n", True),
        (b"".join(b"1\r\n%c\r\n" % letter for letter in b"hello" * 20_000) + b"0\r\n\r\n", True),
        (b"5\r\nhello\r\n0\r\nX-Checksum: " + b"1" * 100_000, False),
        (b"5;x=" + b"1" * 100_000, False),
        (b"five\r\nhello\r\n0\r\n\r\n", False),
    ],
    ids=["a trailer", "chunks of a byte", "an endless trailer", "an endless extension", "no length"],
)
async def test_what_stands_around_a_body_is_bounded(
    client: EgressClient, receiver: Receiver, behind_the_head: bytes, understood: bool
) -> None:
    receiver.play(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + behind_the_head, close=False))
    if understood:
        reply = await get(client, receiver.url, max_bytes=100_000)
        assert reply.body in (b"hello", b"hello" * 20_000)
        assert "x-checksum" not in reply.headers
        return
    with pytest.raises(EgressFailed) as caught:
        await get(client, receiver.url)
    assert (caught.value.reason, caught.value.sent) == ("protocol", True)


async def test_what_comes_before_the_answer_is_not_the_answer(client: EgressClient, receiver: Receiver) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    receiver.play((Read(), Send(early, every=0.02), *answer("201 Created", b"made")[1:]))
    for _ in range(2):
        reply = await get(client, receiver.url)
        assert (reply.status, reply.body, "link" in reply.headers) == (201, b"made", False)
    assert receiver.connections == 1


async def test_early_hints_without_end_are_no_answer(client: EgressClient, receiver: Receiver) -> None:
    receiver.play((Read(), Send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", times=None)))
    with pytest.raises(EgressFailed) as caught:
        await get(client, receiver.url)
    assert (caught.value.reason, caught.value.sent) == ("protocol", True)


async def test_an_answer_to_head_has_a_length_and_no_body(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", close=False))
    for _ in range(2):
        reply = await client.request("HEAD", receiver.url, timeout=5, max_bytes=100)
        assert (reply.status, reply.body, reply.truncated) == (200, b"", False)


@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
async def test_another_protocol_is_an_answer_and_is_not_spoken(
    client: EgressClient, receiver: Receiver, upgrade: bytes
) -> None:
    receiver.play(raw(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n\x81\x05hello", close=False))
    reply = await get(client, receiver.url)
    assert (reply.status, reply.body) == (101, b"")
    receiver.play(answer(body=b"http"))
    assert (await get(client, receiver.url)).body == b"http"
    assert receiver.connections == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other.test"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"Bad Name": "x"},
        {"Bad:Name": "x"},
        {"": "x"},
        {"X-Half": "\ud800"},
    ],
    ids=lambda headers: next(iter(headers)) or "no name",
)
async def test_where_a_request_goes_and_ends_is_not_said_by_its_headers(
    client: EgressClient, receiver: Receiver, headers: dict[str, str]
) -> None:
    with pytest.raises(EgressFailed) as caught:
        await client.request("POST", receiver.url, headers=headers, data=b"x", timeout=5, max_bytes=10)
    assert (caught.value.reason, caught.value.sent) == ("request", False)
    assert receiver.connections == 0


@pytest.mark.parametrize("method", ["", "get", "GET /", "GET\r\nX-Evil: 1\r\n"])
async def test_a_method_is_one_word(client: EgressClient, receiver: Receiver, method: str) -> None:
    with pytest.raises(EgressFailed) as caught:
        await client.request(method, receiver.url, timeout=5, max_bytes=10)
    assert (caught.value.reason, caught.value.sent) == ("request", False)
    assert receiver.connections == 0


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b"])
async def test_a_header_cannot_be_split(client: EgressClient, receiver: Receiver, value: str) -> None:
    with pytest.raises(EgressFailed) as caught:
        await client.request("GET", receiver.url, headers={"X-Tenant": value}, timeout=5, max_bytes=10)
    assert (caught.value.reason, caught.value.sent) == ("request", False)
    assert receiver.requests == []


GOOD, EXPIRED, OTHER, SELF_SIGNED = range(4)


@pytest.mark.parametrize("kind", [GOOD, EXPIRED, OTHER, SELF_SIGNED])
async def test_a_certificate_has_to_be_valid_trusted_and_for_the_host(kind: int, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.receiving(
        "other.test" if kind == OTHER else "receiver.test",
        valid_for=timedelta(days=-1 if kind == EXPIRED else 1),
        self_signed=kind == SELF_SIGNED,
    )
    names = Names({"receiver.test": [["127.0.0.1"]]})
    client = EgressClient(GUARD, user_agent="t", resolver=names, tls=authority.trusting())
    async with client, Receiver().serving(tls=context) as receiver:
        url = receiver.at("receiver.test", scheme="https")
        if kind == GOOD:
            assert (await get(client, url)).status == 200
            return
        with pytest.raises(EgressFailed) as caught:
            await get(client, url)
    assert (caught.value.reason, caught.value.sent) == ("tls", False)
    assert list(caught.value.phases) == ["lookup", "connect", "tls"]
    assert receiver.requests == []


async def test_no_certificate_is_trusted_but_by_the_system(client: EgressClient, tmp_path: Path) -> None:
    async with Receiver().serving(tls=Authority(tmp_path).receiving("localhost")) as receiver:
        with pytest.raises(EgressFailed, match="TLS"):
            await get(client, receiver.at("localhost", scheme="https"))


async def test_a_failure_quotes_neither_url_nor_headers(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(raw(b""))
    with pytest.raises(EgressFailed) as caught:
        await client.request(
            "GET", f"{receiver.url}?token=hush", headers={"Authorization": "hush"}, timeout=5, max_bytes=10
        )
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_connections_are_kept_for_the_next_request(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(answer(body=b"ok"))
    replies = [await client.request("POST", receiver.url, data=b"x", timeout=5, max_bytes=10) for _ in range(5)]
    assert (receiver.connections, len(receiver.requests)) == (1, 5)
    assert list(replies[0].phases) == ["lookup", "connect", "send", "wait", "read"]
    assert [list(reply.phases) for reply in replies[1:]] == [["send", "wait", "read"]] * 4
    assert all(sum(reply.phases.values()) == reply.duration_ms for reply in replies)


async def test_connections_over_tls_are_kept_as_well(tmp_path: Path) -> None:
    authority, names = Authority(tmp_path), Names({"receiver.test": [["127.0.0.1"]]})
    client = EgressClient(GUARD, user_agent="t", resolver=names, tls=authority.trusting())
    async with client, Receiver().serving(tls=authority.receiving("receiver.test")) as receiver:
        url = receiver.at("receiver.test", scheme="https")
        replies = [
            await client.request("POST", url, data=bytes(size), timeout=5, max_bytes=10) for size in (1, 300_000, 1)
        ]
    assert (receiver.connections, [len(each.body) for each in receiver.requests]) == (1, [1, 300_000, 1])
    assert list(replies[0].phases) == ["lookup", "connect", "tls", "send", "wait", "read"]
    assert [list(reply.phases) for reply in replies[1:]] == [["send", "wait", "read"]] * 2


async def test_a_connection_with_an_unread_rest_is_not_used_again(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(answer(body=bytes(500_000)))
    await get(client, receiver.url)
    receiver.play(answer(body=b"clean"))
    assert (await get(client, receiver.url)).body == b"clean"
    assert receiver.connections == 2


async def test_cookies_are_not_kept(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(answer(headers={"Set-Cookie": "session=1; Path=/"}))
    await get(client, receiver.url)
    await get(client, receiver.url)
    assert b"cookie" not in receiver.requests[1].head.lower()


async def post(client: EgressClient, receiver: Receiver, body: bytes) -> EgressAnswer:
    return await client.request("POST", receiver.url, data=body, timeout=5, max_bytes=10)


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_before_a_byte_is_sent(
    client: EgressClient, receiver: Receiver
) -> None:
    for number in (b"1", b"2", b"3"):
        await post(client, receiver, number)
        receiver.hang_up()  # The next request goes out before the event loop has heard of it.
    assert [(request.connection, request.body) for request in receiver.requests] == [(1, b"1"), (2, b"2"), (3, b"3")]


async def test_all_kept_connections_may_have_been_closed_meanwhile(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(answer(after=0.05))
    await asyncio.gather(*[post(client, receiver, b"1") for _ in range(5)])
    receiver.hang_up()
    assert (await post(client, receiver, b"2")).status == 200
    assert [request.body for request in receiver.requests] == [b"1"] * 5 + [b"2"]


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_what_nobody_asked_for_is_no_answer_to_the_next_request(
    client: EgressClient, receiver: Receiver, pause: float
) -> None:
    unasked = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked"
    receiver.play((*answer("200 OK", b"one"), *([Hang(pause)] if pause else []), Send(unasked)), answer(body=b"two"))
    assert (await post(client, receiver, b"1")).body == b"one"
    await asyncio.sleep(2 * pause)
    assert (await post(client, receiver, b"2")).body == b"two"
    assert [request.connection for request in receiver.requests] == [1, 2]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("read", [(), (Read(),)], ids=["its head read", "all of it read"])
async def test_a_request_that_was_sent_may_have_been_processed_and_fails(
    client: EgressClient, receiver: Receiver, reset: bool, read: Script
) -> None:
    receiver.play(answer(), (*read, HangUp(reset)), answer())
    await post(client, receiver, b"1")
    with pytest.raises(EgressFailed) as caught:
        await post(client, receiver, b"2")
    assert (caught.value.reason, caught.value.sent) == ("disconnected", True)
    assert [request.connection for request in receiver.requests] == [1, 1]


async def test_a_question_that_was_sent_in_vain_over_a_kept_connection_is_asked_again(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.play(answer(), (Read(), HangUp()), answer(body=b"two"))
    await get(client, receiver.url)
    assert (await get(client, receiver.url)).body == b"two"
    assert [request.connection for request in receiver.requests] == [1, 1, 2]


@pytest.mark.parametrize(
    "half", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(50)]
)
async def test_a_question_that_was_half_answered_is_not_asked_again(
    client: EgressClient, receiver: Receiver, half: bytes
) -> None:
    receiver.play(answer(), (Read(), Send(half), HangUp()), answer())
    await get(client, receiver.url)
    with pytest.raises(EgressFailed, match="cut"):
        await get(client, receiver.url)
    assert len(receiver.requests) == 2


async def test_a_connection_that_nobody_needs_is_closed(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_KEPT_SECONDS", 0.05)
    receiver.play(answer(after=0.02))
    async with EgressClient(GUARD, user_agent="t") as client, asyncio.timeout(5):
        await asyncio.gather(*[get(client, receiver.url) for _ in range(3)])
        while client_side(receiver.port):
            await asyncio.sleep(0.01)
        assert (await get(client, receiver.url)).status == 200
    assert receiver.connections == 4


async def test_nothing_is_open_when_the_client_is_closed(receiver: Receiver) -> None:
    async with EgressClient(GUARD, user_agent="t") as client:
        await get(client, receiver.url)
        assert client_side(receiver.port)
    async with asyncio.timeout(5):
        while client_side(receiver.port):
            await asyncio.sleep(0.01)


async def test_a_new_connection_that_is_closed_at_once_is_not_tried_again(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.play(raw(b""))
    with pytest.raises(EgressFailed):
        await post(client, receiver, b"1")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("addresses", [[], ["10.0.0.1"]], ids=["an unknown name", "a refused address"])
async def test_where_no_connection_is_made_nothing_is_tried_again(addresses: list[str]) -> None:
    names = Names({"inside.test": [addresses]})
    async with EgressClient(AddressGuard(), user_agent="t", resolver=names) as client:
        with pytest.raises((EgressFailed, AddressRefused)):
            await client.request("POST", "https://inside.test/", timeout=1, max_bytes=10)
    assert names.asked == ["inside.test"]


@pytest.mark.parametrize("answered", [True, False])
async def test_a_receiver_that_reads_nothing_holds_nothing(
    client: EgressClient, receiver: Receiver, answered: bool
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    # By then the buffers on the way are full.
    receiver.play((Hang(0.3), *([Send(head)] if answered else []), Hang(60)))
    with nullcontext() if answered else pytest.raises(EgressTimeout):
        await client.request("POST", receiver.url, data=bytes(32_000_000), timeout=1, max_bytes=10)
    async with asyncio.timeout(5):
        while client_side(receiver.port):
            await asyncio.sleep(0.01)


def client_side(port: int) -> list[int]:
    """The connections of this process to that port which are still open on its side."""
    connections = psutil.Process().net_connections("tcp")
    return [each.fd for each in connections if tuple(each.raddr)[1:] == (port,)]


async def test_a_cancelled_request_ends_at_once(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(raw(b"", close=False))
    asking = asyncio.create_task(get(client, receiver.url, timeout=60))
    async with asyncio.timeout(5):
        while not receiver.requests:
            await asyncio.sleep(0.001)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_other_requests_go_on_beside_a_slow_one(client: EgressClient, receiver: Receiver) -> None:
    receiver.play(raw(b"", close=False))
    slow = asyncio.create_task(get(client, receiver.url, timeout=1))
    async with asyncio.timeout(5):
        while not receiver.requests:
            await asyncio.sleep(0.001)
    receiver.play(answer(body=b"ok"))
    assert (await get(client, receiver.url)).body == b"ok"
    assert not slow.done()
    with pytest.raises(EgressTimeout):
        await slow
