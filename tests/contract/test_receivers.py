"""What the receiver helper promises, the same behind aiohttp, FastAPI and Flask."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import ClientSession, TCPConnector

from contract.receiving import (
    SECRET,
    Handling,
    Serve,
    body_of,
    serve_aiohttp,
    serve_fastapi,
    serve_flask,
    signed,
)
from edurelay.security.signatures import new_secret, skillpassport_signature
from edurelay_client import Profile
from edurelay_client.receiver import Claim, NotNow, SeenInMemory


@pytest.fixture(params=[serve_aiohttp, serve_fastapi, serve_flask], ids=["aiohttp", "fastapi", "flask"])
def serve(request: pytest.FixtureRequest) -> Serve:
    served: Serve = request.param
    return served


@pytest.fixture
def handling() -> Handling:
    return Handling()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    # A server may close a connection after an error, while the next request is on its way over it.
    async with ClientSession(connector=TCPConnector(force_close=True)) as running:
        yield running


async def deliver(session: ClientSession, url: str, event_id: str, secret: str = SECRET) -> int:
    body = orjson.dumps(body_of(event_id))
    async with session.post(url, data=body, headers=signed(event_id, body, secret)) as answer:
        return answer.status


async def test_a_genuine_webhook_comes_typed_and_is_answered_204(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    async with serve(handling) as url:
        assert await deliver(session, url, "evt_1") == 204
    (event,) = handling.events
    assert (event.id, event.key, event.type, event.data) == ("evt_1", "evt_1", "student.created", {"n": 1})
    assert event.time == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    assert orjson.loads(event.body) == body_of("evt_1")


async def test_a_structured_cloud_event_is_read_too(serve: Serve, handling: Handling, session: ClientSession) -> None:
    moment = "2026-01-15T10:30:00Z"
    cloud = {"specversion": "1.0", "id": "evt_1", "type": "a.b", "time": moment, "source": "/s", "subject": "x"}
    body = orjson.dumps(cloud | {"data": [1]})
    headers = signed("evt_1", body) | {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    async with serve(handling) as url, session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 204
    (event,) = handling.events
    assert (event.type, event.subject, event.source, event.data) == ("a.b", "x", "/s", [1])


async def test_an_event_that_comes_again_is_handled_once(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    async with serve(handling) as url:
        assert [await deliver(session, url, name) for name in ("evt_1", "evt_2", "evt_1")] == [204, 204, 204]
    assert [event.id for event in handling.events] == ["evt_1", "evt_2"]


async def test_what_failed_is_answered_500_and_handled_when_it_comes_again(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    handling.errors = [RuntimeError("the table is locked")]
    async with serve(handling) as url:
        assert [await deliver(session, url, "evt_1") for _ in range(2)] == [500, 204]
    assert len(handling.events) == 1


async def test_a_handler_can_ask_for_the_event_later(serve: Serve, handling: Handling, session: ClientSession) -> None:
    handling.errors = [NotNow("the ledger is closed until noon", retry_after=77)]
    body = orjson.dumps(body_of("evt_1"))
    async with serve(handling) as url:
        async with session.post(url, data=body, headers=signed("evt_1", body)) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "77")
            assert "closed until noon" in (await answer.json(content_type=None))["detail"]
        assert await deliver(session, url, "evt_1") == 204


async def test_nothing_is_answered_before_it_is_handled_nor_claimed_done_while_it_is(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    handling.open.clear()
    async with serve(handling) as url:
        first = asyncio.create_task(deliver(session, url, "evt_1"))
        await handling.until(lambda: handling.begun == 1)
        assert await deliver(session, url, "evt_1") == 503
        assert not first.done()
        handling.open.set()
        assert await first == 204
        assert await deliver(session, url, "evt_1") == 204
    assert len(handling.events) == 1


async def test_who_does_not_hold_the_secret_gets_401(serve: Serve, handling: Handling, session: ClientSession) -> None:
    body = orjson.dumps(body_of("evt_1"))
    async with serve(handling) as url:
        assert await deliver(session, url, "evt_1", new_secret()) == 401
        async with session.post(url, data=body + b" ", headers=signed("evt_1", body)) as answer:
            assert answer.status == 401
        headers = {"Content-Type": "application/json"}
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 401
            assert "webhook-id" in (await answer.json(content_type=None))["detail"]
    assert handling.begun == 0


async def test_while_secrets_rotate_each_is_taken_and_new_ones_need_no_restart(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    old, new = new_secret(), new_secret()
    held = [old]
    async with serve(handling, lambda: held) as url:
        assert await deliver(session, url, "evt_1", new) == 401
        held.insert(0, new)
        assert [await deliver(session, url, f"evt_{n}", each) for n, each in enumerate(held)] == [204, 204]
        held.remove(old)
        assert await deliver(session, url, "evt_3", old) == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        orjson.dumps({"event": "a.b", "timestamp": "2026-01-15T10:30:00Z"}),
        orjson.dumps(body_of("evt_1", event=7)),
        orjson.dumps(body_of("evt_1", timestamp="yesterday")),
        orjson.dumps(body_of("evt_1", timestamp="2026-01-15T10:30:00")),
    ],
)
async def test_a_genuine_body_without_an_event_is_400(
    serve: Serve, handling: Handling, session: ClientSession, body: bytes
) -> None:
    async with serve(handling) as url, session.post(url, data=body, headers=signed("evt_1", body)) as answer:
        assert answer.status == 400
    assert handling.begun == 0


async def test_another_type_or_a_compressed_body_is_415(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    body = orjson.dumps(body_of("evt_1"))
    packed = gzip.compress(body)
    async with serve(handling) as url:
        for headers, data in (
            ({"Content-Type": "text/plain"}, body),
            ({"Content-Encoding": "gzip"}, packed),
        ):
            async with session.post(url, data=data, headers=signed("evt_1", data) | headers) as answer:
                assert answer.status == 415
        async with session.get(url) as answer:
            assert answer.status == 405


async def test_a_body_that_is_too_large_is_413_whether_it_says_its_length_or_not(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    body = orjson.dumps(body_of("evt_1", data="x" * 3000))

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    async with serve(handling, max_bytes=2000) as url:
        async with session.post(url, data=body, headers=signed("evt_1", body)) as answer:
            assert answer.status == 413
        async with session.post(url, data=in_pieces(), headers=signed("evt_1", body)) as answer:
            assert answer.status == 413
    headers = signed("evt_1", body)
    async with (
        serve(handling, max_bytes=len(body)) as url,
        session.post(url, data=in_pieces(), headers=headers) as answer,
    ):
        assert answer.status == 204


async def test_a_sender_that_reads_only_when_it_has_sent_sees_why_it_is_refused(
    serve: Serve, handling: Handling
) -> None:
    body = orjson.dumps(body_of("evt_1", data="x" * 3000))

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]
            time.sleep(0.02)

    def send(url: str) -> int:
        target = urlsplit(url)
        with closing(HTTPConnection(target.netloc, timeout=30)) as connection:
            headers = signed("evt_1", body) | {"Connection": "close"}
            connection.request("POST", target.path, slowly(), headers, encode_chunked=True)
            return connection.getresponse().status

    async with serve(handling, max_bytes=2000) as url:
        assert await asyncio.to_thread(send, url) == 413


async def test_the_older_profile_knows_repetitions_by_the_body_which_alone_is_signed(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    body = orjson.dumps(body_of("evt_1"))
    signature = {"X-SkillPassport-Signature": skillpassport_signature(body, SECRET), "Content-Type": "application/json"}
    async with serve(handling, profile=Profile.SKILLPASSPORT) as url:
        for claimed in ("evt_1", "evt_another"):
            async with session.post(url, data=body, headers=signature | {"webhook-id": claimed}) as answer:
                assert answer.status == 204
    assert [event.key for event in handling.events] == ["evt_1"]


async def test_in_the_background_it_is_answered_first_and_what_finds_no_room_comes_again(
    serve: Serve, handling: Handling, session: ClientSession
) -> None:
    handling.open.clear()
    async with serve(handling, background=2) as url:
        assert await deliver(session, url, "evt_0") == 204
        await handling.until(lambda: handling.begun == 1)
        assert [await deliver(session, url, f"evt_{n}") for n in (1, 2, 3)] == [204, 204, 503]
        assert handling.events == []
        handling.open.set()
        await handling.until(lambda: len(handling.events) == 3)
        assert await deliver(session, url, "evt_3") == 204
    assert [event.id for event in handling.events] == ["evt_0", "evt_1", "evt_2", "evt_3"], "the end waits for the last"


async def test_what_fails_in_the_background_is_logged_and_taken_when_it_is_redelivered(
    serve: Serve, handling: Handling, session: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    handling.errors = [RuntimeError("the table is locked")]
    with caplog.at_level(logging.ERROR, "edurelay_client"):
        async with serve(handling, background=2) as url:
            assert await deliver(session, url, "evt_1") == 204
            await handling.until(lambda: "the table is locked" in caplog.text)
            async with asyncio.timeout(30):
                while not handling.events:
                    assert await deliver(session, url, "evt_1") in (204, 503)
    assert [event.id for event in handling.events] == ["evt_1"]


class Remote:
    """A memory of keys that is asked over a network, in place of Redis or a table."""

    def __init__(self) -> None:
        self.memory = SeenInMemory()
        self.asked = 0

    async def claim(self, key: str) -> Claim:
        await asyncio.sleep(0)
        self.asked += 1
        return self.memory.claim(key)

    async def keep(self, key: str) -> None:
        await asyncio.sleep(0)
        self.memory.keep(key)

    async def release(self, key: str) -> None:
        await asyncio.sleep(0)
        self.memory.release(key)


@pytest.mark.parametrize("serve_async", [serve_aiohttp, serve_fastapi])
async def test_a_memory_that_is_shared_serves_several_receivers(
    serve_async: Serve, handling: Handling, session: ClientSession
) -> None:
    shared = Remote()
    handling.errors = [RuntimeError("once")]
    async with serve_async(handling, seen=shared) as one, serve_async(handling, seen=shared) as other:
        assert [await deliver(session, url, "evt_1") for url in (one, other, one)] == [500, 204, 204]
    assert (len(handling.events), shared.asked) == (1, 3)


async def test_for_flask_a_coroutine_is_refused_and_nothing_is_lost(handling: Handling, session: ClientSession) -> None:
    async with serve_flask(handling, seen=Remote()) as url:
        assert await deliver(session, url, "evt_1") == 500
    handling.handle = handling.ahandle  # type: ignore[assignment,method-assign]
    async with serve_flask(handling) as url:
        assert await deliver(session, url, "evt_1") == 500
    assert handling.events == []


@pytest.mark.parametrize("secrets", ["", [], "whsec_%%%", [SECRET, ""]])
async def test_secrets_that_are_none_are_refused_at_once(serve: Serve, handling: Handling, secrets: object) -> None:
    with pytest.raises(ValueError, match="secret"):
        async with serve(handling, secrets):
            pass
