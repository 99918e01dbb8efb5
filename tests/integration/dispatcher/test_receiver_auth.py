"""How a delivery proves to its receiver who sends it, on real sockets and real TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus

import orjson
import pytest
from aiohttp import web

from e2e.receivers import Receiver, Request, receiving
from edurelay_sandbox.receiver import Names
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.credentials import Proof
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.tokens import good_for
from integration.authority import Authority, Issued
from integration.dispatcher.sending import endpoint, sending, work

CANARY = "canary-4711"


@pytest.fixture
async def tokens() -> AsyncIterator[Receiver]:
    """A token endpoint that gives `token-0`, `token-1` and so on, each for an hour."""
    async with receiving(lambda number: token(f"token-{number}")) as receiver:
        yield receiver


def token(text: str, **further: object) -> web.Response:
    body = {"access_token": text, "token_type": "Bearer", "expires_in": 3600, **further}
    return web.json_response({name: value for name, value in body.items() if value is not None})


def client_credentials(token_url: str, **further: str) -> dict[str, str]:
    return {
        "type": "oauth2_client_credentials",
        "token_url": token_url,
        "client_id": "hub",
        "client_secret": CANARY,
        **further,
    }


def authorizations(receiver: Receiver) -> list[str]:
    return [request.headers["authorization"] for request in receiver.requests]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": CANARY}, "authorization", f"Bearer {CANARY}"),
        ({"type": "api_key", "header": "X-Api-Key", "value": CANARY}, "x-api-key", CANARY),
        ({"type": "basic", "username": "hub", "password": "pä:ss"}, "authorization", "Basic aHViOnDDpDpzcw=="),
    ],
    ids=["bearer", "api_key", "basic"],
)
async def test_a_fixed_proof_stands_in_its_header_beside_the_signature(
    sender: Sender, receiver: Receiver, auth: dict[str, str], header: str, value: str
) -> None:
    target = endpoint(receiver.url, auth=auth, headers={"X-Own": "1"})
    assert (await sender.attempt(target, work())).status == 204
    [request] = receiver.requests
    assert request.headers[header] == value
    assert request.headers["x-own"] == "1"
    assert request.headers["webhook-signature"].startswith("v1,")


def test_a_proof_takes_the_place_of_a_header_of_the_same_name() -> None:
    proof = Proof({"authorization": "ours"})
    assert proof.over({"X-Own": "1", "Authorization": "own"}) == {"X-Own": "1", "authorization": "ours"}


async def test_deliveries_at_the_same_time_share_one_token(
    sender: Sender, receiver: Receiver, tokens: Receiver
) -> None:
    target = endpoint(receiver.url, auth=client_credentials(tokens.url, scope="hooks:write more"))
    attempts = await asyncio.gather(*(sender.attempt(target, work()) for _ in range(10)))
    attempts.append(await sender.attempt(target, work()))
    assert [attempt.status for attempt in attempts] == [204] * 11
    assert authorizations(receiver) == ["Bearer token-0"] * 11
    [asked] = tokens.requests
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["hooks:write more"]}


async def test_the_client_proves_itself_with_both_parts_encoded(
    sender: Sender, receiver: Receiver, tokens: Receiver
) -> None:
    auth = client_credentials(tokens.url, client_id="a:b c", client_secret="s:é&=+")
    await sender.attempt(endpoint(receiver.url, auth=auth), work())
    kind, _, encoded = authorizations(tokens)[0].partition(" ")
    name, _, secret = b64decode(encoded).decode().partition(":")
    assert (kind, unquote_plus(name), unquote_plus(secret)) == ("Basic", "a:b c", "s:é&=+")
    assert parse_qs(tokens.requests[0].body.decode()) == {"grant_type": ["client_credentials"]}


async def test_each_endpoint_has_its_own_token(sender: Sender, receiver: Receiver, tokens: Receiver) -> None:
    for _ in range(2):
        await sender.attempt(endpoint(receiver.url, auth=client_credentials(tokens.url)), work())
    assert authorizations(receiver) == ["Bearer token-0", "Bearer token-1"]


async def test_a_token_that_has_ended_is_fetched_anew(sender: Sender, receiver: Receiver, tokens: Receiver) -> None:
    tokens.script = lambda number: token(f"token-{number}", expires_in=0)
    target = endpoint(receiver.url, auth=client_credentials(tokens.url))
    for _ in range(2):
        await sender.attempt(target, work())
    assert authorizations(receiver) == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(3600, 3570), ("3600", 3570), (31, 15.5), (0, 0), (None, 270), ("soon", 270), (-5, 270), ([], 270), ("nan", 270)],
)
def test_a_token_is_used_until_shortly_before_its_end(said: object, seconds: float) -> None:
    assert good_for(said) == seconds


async def test_a_refused_token_is_fetched_anew_within_the_same_attempt(
    sender: Sender, receiver: Receiver, tokens: Receiver
) -> None:
    target = endpoint(receiver.url, auth=client_credentials(tokens.url))
    await sender.attempt(target, work())
    receiver.script = lambda number: 401 if receiver.requests[number].headers["authorization"].endswith("0") else 204
    attempt = await sender.attempt(target, work())
    assert (attempt.status, attempt.error) == (204, None)
    assert authorizations(receiver) == ["Bearer token-0", "Bearer token-0", "Bearer token-1"]
    assert len(tokens.requests) == 2


async def test_a_receiver_that_refuses_every_token_is_asked_twice_in_an_attempt(
    sender: Sender, receiver: Receiver, tokens: Receiver
) -> None:
    receiver.script = lambda number: 401
    attempt = await sender.attempt(endpoint(receiver.url, auth=client_credentials(tokens.url)), work())
    assert attempt.status == 401
    assert (len(receiver.requests), len(tokens.requests)) == (2, 2)


async def test_a_refused_password_is_not_sent_again(sender: Sender, receiver: Receiver) -> None:
    receiver.script = lambda number: 401
    attempt = await sender.attempt(endpoint(receiver.url, auth={"type": "bearer", "token": CANARY}), work())
    assert (attempt.status, len(receiver.requests)) == (401, 1)


def failing(body: object = None, status: int = 200, *, text: str | None = None) -> web.Response:
    return web.Response(status=status, body=text.encode() if text is not None else orjson.dumps(body))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failing({"error": "invalid_client", "echo": CANARY}, 401), "answered 401"),
        (failing(status=500, text=CANARY), "answered 500"),
        (failing(status=302, text=""), "answered 302"),
        (failing(text=f"<html>{CANARY}"), "not JSON"),
        (failing({}), "no token"),
        (failing([CANARY]), "no token"),
        (failing({"access_token": 7}), "no token"),
        (failing({"access_token": "a\r\nX-Evil: 1"}), "no token"),
        (failing({"access_token": "é"}), "no token"),
        (failing({"access_token": CANARY, "token_type": "mac"}), "not a bearer token"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
async def test_a_failing_token_endpoint_is_a_failed_attempt_that_says_so(
    sender: Sender, receiver: Receiver, tokens: Receiver, answer: web.Response, words: str
) -> None:
    tokens.script = lambda number: web.Response(status=answer.status, body=answer.body)
    target = endpoint(receiver.url, auth=client_credentials(tokens.url))
    attempts = await asyncio.gather(*(sender.attempt(target, work()) for _ in range(3)))
    for attempt in attempts:
        assert attempt.status is None
        assert attempt.error is not None
        assert attempt.error.startswith("the token endpoint")
        assert words in attempt.error
        assert CANARY not in repr(attempt)
    assert len(tokens.requests) == 1
    assert receiver.requests == []
    tokens.script = lambda number: token("token")
    assert (await sender.attempt(target, work())).status == 204


async def test_a_token_endpoint_that_hangs_ends_with_the_attempt(receiver: Receiver, tokens: Receiver) -> None:
    tokens.open.clear()
    target = endpoint(receiver.url, auth=client_credentials(tokens.url))
    async with sending(seconds=0.3) as sender:
        attempts = await asyncio.gather(*(sender.attempt(target, work()) for _ in range(3)))
    assert all("token endpoint" in (attempt.error or "") for attempt in attempts)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("token_url", "why"),
    [
        ("http://10.0.0.1/token", "the URL names an address in place of a host name"),
        ("https://metadata.test/token", "the host's address may not be reached from here"),
    ],
)
async def test_a_token_endpoint_cannot_lead_inwards(receiver: Receiver, token_url: str, why: str) -> None:
    async with sending(resolver=Names({"metadata.test": [["169.254.169.254"]]})) as sender:
        attempt = await sender.attempt(endpoint(receiver.url, auth=client_credentials(token_url)), work())
    assert attempt.error == f"the token endpoint could not be asked: {why}"
    assert receiver.requests == []


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "basic", "username": "hub", "password": CANARY},
        {"type": "bearer", "token": CANARY},
        {"type": "api_key", "header": "X-Api-Key", "value": CANARY},
        None,
    ],
    ids=["basic", "bearer", "api_key", "oauth2"],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_a_receiver_that_sends_the_proof_back_does_not_bring_it_into_the_history(
    sender: Sender, receiver: Receiver, tokens: Receiver, auth: Mapping[str, str] | None, status: int
) -> None:
    def echo(number: int) -> web.Response:
        return web.Response(status=status, body=repr(receiver.requests[number].headers).encode())

    tokens.script = lambda number: token(CANARY)
    receiver.script = echo
    attempt = await sender.attempt(endpoint(receiver.url, auth=auth or client_credentials(tokens.url)), work())
    assert attempt.status == status
    assert "[redacted]" in attempt.excerpt
    for secret in (CANARY, *(value.split(" ")[-1] for value in authorizations_of(receiver.requests[0]))):
        assert secret not in attempt.excerpt


@pytest.mark.parametrize("secret", ['canary"4711', "canary/4711", "canary\\4711", "canäry4711"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_a_secret_is_hidden_as_it_is_and_as_json_writes_it(secret: str, ascii_only: bool, slash: str) -> None:
    for text in (secret, json.dumps(secret, ensure_ascii=ascii_only).replace("/", slash)):
        hidden = Proof({}, (secret,)).hide(f"you sent {text}!".encode()).decode()
        assert "4711" not in hidden
        assert hidden.startswith("you sent ")


def authorizations_of(request: Request) -> list[str]:
    return [value for name, value in request.headers.items() if name == "authorization"]


# TLS: the receiver trusts one authority, and takes nobody that it did not issue a certificate for.

AUTHORITY, STRANGER = Authority("authority"), Authority("stranger")


def certificate(issued: Issued) -> dict[str, str]:
    return {"type": "client_certificate", "certificate": issued.certificate, "private_key": issued.private_key}


@pytest.fixture
async def demanding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver that demands a certificate of its authority, which this process trusts too."""
    trusted, server = tmp_path / "authority.pem", AUTHORITY.issue("receiver")
    trusted.write_text(AUTHORITY.certificate)
    own = tmp_path / "server.pem"
    own.write_text(server.certificate + server.private_key)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(own)
    async with receiving(tls=tls) as receiver:
        yield receiver


async def attempt_to(sender: Sender, target: Endpoint) -> Attempt:
    return await sender.attempt(target, work())


async def test_a_receiver_that_demands_a_certificate_gets_the_endpoints_own(
    sender: Sender, demanding: Receiver
) -> None:
    attempt = await attempt_to(sender, endpoint(demanding.url, auth=certificate(AUTHORITY.issue("hub"))))
    assert (attempt.status, attempt.error) == (204, None)
    assert [request.client for request in demanding.requests] == ["hub"]


async def test_who_has_no_certificate_of_the_authority_does_not_get_through(
    sender: Sender, demanding: Receiver
) -> None:
    for auth in (None, certificate(STRANGER.issue("hub"))):
        attempt = await attempt_to(sender, endpoint(demanding.url, auth=auth))
        assert attempt.status is None
        assert attempt.error
    assert demanding.requests == []


async def test_connections_are_kept_but_never_shared_between_certificates(sender: Sender, demanding: Receiver) -> None:
    one = endpoint(demanding.url, auth=certificate(AUTHORITY.issue("one")))
    other = endpoint(demanding.url, auth=certificate(AUTHORITY.issue("other")))
    for target in (one, other, one, other):
        assert (await attempt_to(sender, target)).status == 204
    assert [request.client for request in demanding.requests] == ["one", "other", "one", "other"]
    assert len({request.port for request in demanding.requests}) == 2


async def test_a_receiver_of_another_authority_does_not_see_the_delivery(
    sender: Sender, demanding: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "stranger.pem"
    elsewhere.write_text(STRANGER.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere))
    attempt = await attempt_to(sender, endpoint(demanding.url, auth=certificate(AUTHORITY.issue("hub"))))
    assert attempt.error == "no trusted TLS connection was made"
    assert demanding.requests == []
