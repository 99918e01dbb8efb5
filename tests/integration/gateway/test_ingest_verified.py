"""Inbound webhooks that have to prove where they come from: over HTTP, as each provider sends them, to the topic."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from edurelay.events import topics
from edurelay.messages.ingest import InboundWebhook, WebhookProfile
from edurelay_sandbox.webhooks import SENDERS, Webhook, send
from integration.gateway.world import MOODLE, Caller, World, until

SECRET = "whsec_Y2FuYXJ5LWluYm91bmQtc2VjcmV0LTQ3MTE="
OTHER = "whsec_YW5vdGhlci1jYW5hcnktc2VjcmV0LTQ3MTI="
PUBLIC = "https://hub.example"
PROFILES = [profile.value for profile in WebhookProfile if profile is not WebhookProfile.NONE]
TIMED = ["standard", "hubspot_v3", "zendesk", "chatwoot", "slack", "stripe"]
#: Those in whose requests something tells a repetition from the same words said twice.
ONCE = [profile for profile in PROFILES if profile not in ("hubspot_v1", "hubspot_v2", "secret")]


def asking(profile: str) -> dict[str, Any]:
    """What a connection asks for."""
    header = {"header": "X-Webhook-Token"} if profile in ("rdstation", "secret") else {}
    return {"profile": profile, "secrets": [SECRET], **header}


class Source:
    """A provider that sends to a connection."""

    def __init__(self, world: World, profile: str, connection: Any) -> None:
        self._world = world
        self.profile = profile
        self.id = connection["id"]
        self.url = connection["webhook_url"]

    def webhook(self, **fields: Any) -> Webhook:
        """A webhook for the connection, as the provider knows its address."""
        body = b'{"id": "evt_1", "event_id": "Ev1", "transaction_uuid": "2f6c"}'
        return Webhook(**{"secret": SECRET, "url": self.url + "?q=%2F", "body": body, **fields})

    async def send(self, webhook: Webhook) -> tuple[int, Any]:
        """Send it; a proxy stands between the public address and the gateway."""
        status, body = await send(self.profile, webhook, webhook.url.replace(PUBLIC, self._world.url))
        return status, orjson.loads(body)

    async def post(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Send these headers."""
        path = self.url.removeprefix(PUBLIC) + "?q=%2F"
        told = await self._world.anybody("POST", path, raw=body, headers=headers)
        return told.status, told.body

    async def taken(self) -> list[InboundWebhook]:
        """Return what the log has."""
        messages = await self._world.messages(topics.INGEST, self.id)
        return [InboundWebhook.from_message(each.headers, each.value) for each in messages]


async def source(world: World, tenant: Caller, profile: str, **fields: Any) -> Source:
    wanted = {**MOODLE, "webhook": {**asking(profile), **fields}}
    return Source(world, profile, await tenant.made("/v1/connections", wanted))


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_webhook_that_its_provider_signed_is_taken_as_verified(
    world: World, tenant: Caller, profile: str
) -> None:
    provider = await source(world, tenant, profile)
    webhook = provider.webhook()
    status, told = await provider.send(webhook)
    assert status == 202, told
    [taken] = await provider.taken()
    assert (taken.id, taken.body) == (told["id"], webhook.body)
    assert (taken.profile, taken.verified) == (profile, True)
    for message in await world.messages(topics.INGEST, provider.id):
        assert SECRET.encode() not in b"".join([message.value or b"", *(value for _, value in message.headers)])


@pytest.mark.parametrize("profile", PROFILES)
async def test_what_its_provider_did_not_sign_is_refused_and_written_nowhere(
    world: World, tenant: Caller, profile: str
) -> None:
    provider = await source(world, tenant, profile)
    webhook = provider.webhook()
    headers = SENDERS[profile](webhook)
    tries = [
        provider.send(replace(webhook, secret=OTHER)),
        provider.post({}, webhook.body),
        *(
            provider.post({**headers, name: "x" * 4000}, webhook.body)
            for name in headers
            if "signature" in name.lower() and "version" not in name.lower()
        ),
    ]
    if profile in TIMED:
        tries += [provider.send(replace(webhook, at=time.time() + away)) for away in (-400, 400)]
    if profile not in ("rdstation", "secret"):
        tries.append(provider.post(headers, webhook.body + b" "))
    for status, told in await asyncio.gather(*tries):
        assert (status, told["code"]) == (401, "invalid_signature")
        assert SECRET not in str(told)
    assert await provider.taken() == []


async def test_what_nothing_is_asked_of_is_taken_and_not_called_verified(world: World, tenant: Caller) -> None:
    provider = Source(world, "none", await tenant.made("/v1/connections", MOODLE))
    assert (await provider.send(provider.webhook()))[0] == 202
    [taken] = await provider.taken()
    assert (taken.profile, taken.verified) == ("none", False)


@pytest.mark.parametrize("profile", ONCE)
async def test_a_repetition_is_answered_as_before_and_written_once(world: World, tenant: Caller, profile: str) -> None:
    provider = await source(world, tenant, profile)
    webhook = provider.webhook()
    told = await asyncio.gather(*(provider.send(webhook) for _ in range(5)))
    told.append(await provider.send(webhook))
    assert {status for status, _ in told} == {202}
    assert len({body["id"] for _, body in told}) == 1
    assert len(await provider.taken()) == 1


async def test_the_same_words_said_twice_without_a_name_are_two_webhooks(world: World, tenant: Caller) -> None:
    """The record that they name may have changed in between."""
    provider = await source(world, tenant, "secret")
    for _ in range(2):
        assert (await provider.send(provider.webhook()))[0] == 202
    assert len(await provider.taken()) == 2


async def test_a_repetition_means_nothing_to_another_connection(world: World, tenant: Caller) -> None:
    moment = time.time()
    for provider in (await source(world, tenant, "standard"), await source(world, tenant, "standard")):
        assert (await provider.send(provider.webhook(id="msg_1", at=moment)))[0] == 202
        assert len(await provider.taken()) == 1


async def test_slack_gets_its_challenge_back_once_it_has_proven_itself(world: World, tenant: Caller) -> None:
    provider = await source(world, tenant, "slack")
    asked = provider.webhook(body=b'{"type": "url_verification", "challenge": "3eZbrw1aB", "token": "t"}')
    assert await provider.send(asked) == (200, {"challenge": "3eZbrw1aB"})
    assert (await provider.send(replace(asked, secret=OTHER)))[0] == 401
    odd = provider.webhook(body=b'{"type": "url_verification", "challenge": ["a"]}')
    assert (await provider.send(odd))[0] == 202
    assert len(await provider.taken()) == 1


async def test_a_secret_is_replaced_with_an_overlap(world: World, tenant: Caller) -> None:
    provider = await source(world, tenant, "chatwoot")
    path = f"/v1/connections/{provider.id}"
    rotated = await tenant("POST", f"{path}/webhook/rotate-secret", {"secret": OTHER, "overlap_seconds": 3600})
    assert (rotated.status, rotated.body["version"]) == (200, 2)
    new, old = rotated.body["webhook"]["secrets"]
    assert new["expires_at"] is None
    assert old["expires_at"] is not None

    await until(lambda: provider.send(provider.webhook(secret=OTHER)), lambda told: told[0] == 202, 10)
    assert (await provider.send(provider.webhook()))[0] == 202
    await tenant("POST", f"{path}/webhook/rotate-secret", {"secret": "third-secret", "overlap_seconds": 0})
    await until(lambda: provider.send(provider.webhook(secret="third-secret")), lambda told: told[0] == 202, 10)
    for former in (SECRET, OTHER):
        assert (await provider.send(provider.webhook(secret=former)))[0] == 401


async def test_no_more_than_some_secrets_overlap(tenant: Caller, world: World) -> None:
    provider = await source(world, tenant, "slack")
    path = f"/v1/connections/{provider.id}/webhook/rotate-secret"
    told = [await tenant("POST", path, {"secret": f"secret-number-{number}"}) for number in range(5)]
    assert [each.status for each in told] == [200] * 4 + [409]
    assert told[-1].body["code"] == "too_many_secrets"


async def test_an_address_is_replaced_with_an_overlap(world: World, tenant: Caller) -> None:
    provider = await source(world, tenant, "hubspot_v3")
    path = f"/v1/connections/{provider.id}/webhook"
    former = provider.url
    rotated = await tenant("POST", f"{path}/rotate-address", {"overlap_seconds": 3600})
    assert rotated.status == 200
    assert rotated.body["webhook_url"].startswith(f"{PUBLIC}/in/{provider.id}/")
    assert rotated.body["webhook_url"] != former
    assert len(rotated.body["former_until"]) == 1
    shown = (await tenant("GET", path)).body
    assert shown == rotated.body

    def to(address: str) -> Webhook:
        return provider.webhook(url=address)

    await until(lambda: provider.send(to(shown["webhook_url"])), lambda told: told[0] == 202, 10)
    assert (await provider.send(to(former)))[0] == 202
    last = (await tenant("POST", f"{path}/rotate-address", {"overlap_seconds": 0})).body["webhook_url"]
    await until(lambda: provider.send(to(last)), lambda told: told[0] == 202, 10)
    for gone in (former, shown["webhook_url"]):
        assert (await provider.send(to(gone)))[0] == 404


async def test_the_view_shows_how_webhooks_are_verified_and_no_secret(world: World, tenant: Caller) -> None:
    made = await tenant("POST", "/v1/connections", {**MOODLE, "webhook": {**asking("secret"), "tolerance_seconds": 60}})
    path = f"/v1/connections/{made.body['id']}"
    expected = {
        "profile": "secret",
        "tolerance_seconds": 60,
        "header": "x-webhook-token",
        "secrets": [{"expires_at": None}],
    }
    answers = [made, await tenant("GET", path), await tenant("GET", f"{path}/webhook")]
    answers.append(await tenant("PATCH", path, {"webhook": {"tolerance_seconds": 60}}))
    for told in answers:
        assert told.body["webhook"] == expected
        assert SECRET.encode() not in told.raw
    face = await tenant("GET", f"/integrations/{made.body['id']}")
    for message in [
        face.raw,
        *[each.value or b"" for each in await world.messages(topics.CONNECTIONS, made.body["id"])],
    ]:
        assert SECRET.encode() not in message
    ended = await tenant("PATCH", path, {"webhook": None})
    assert ended.body["webhook"] is None


async def test_a_connector_may_declare_how_its_webhooks_are_verified(world: World, tenant: Caller) -> None:
    made = await tenant.made("/v1/connections", {**MOODLE, "webhook": {"secrets": [SECRET]}})
    assert made["webhook"]["profile"] == "standard"
    told = await tenant(
        "POST",
        "/v1/connections",
        {"provider": "GENERIC_CSV", "config": {"importPath": "/data"}, "webhook": {"secrets": [SECRET]}},
    )
    assert (told.status, told.body["code"], told.body["field"]) == (422, "invalid_webhook", "webhook.profile")


@pytest.mark.parametrize(
    ("webhook", "code", "field"),
    [
        ({"profile": "carrier_pigeon"}, "invalid_request", "webhook.profile"),
        ({"profile": "slack", "secrets": []}, "invalid_request", "webhook.secrets"),
        ({"profile": "slack", "secrets": ["short"]}, "invalid_request", "webhook.secrets[0]"),
        ({"profile": "slack", "secrets": [7]}, "invalid_request", "webhook.secrets[0]"),
        ({"profile": "slack", "secrets": [f"a-secret-{n}" for n in range(5)]}, "invalid_request", "webhook.secrets"),
        ({"profile": "slack"}, "invalid_webhook", "webhook.secrets"),
        ({"profile": "standard", "secrets": ["no-whsec-at-all"]}, "invalid_webhook", "webhook.secrets[0]"),
        (
            {"profile": "slack", "secrets": [SECRET], "tolerance_seconds": 0},
            "invalid_request",
            "webhook.tolerance_seconds",
        ),
        (
            {"profile": "slack", "secrets": [SECRET], "tolerance_seconds": 10**9},
            "invalid_request",
            "webhook.tolerance_seconds",
        ),
        ({"profile": "slack", "secrets": [SECRET], "header": "X-Token"}, "invalid_webhook", "webhook.header"),
        ({"profile": "secret", "secrets": [SECRET]}, "invalid_webhook", "webhook.header"),
        ({"profile": "secret", "secrets": [SECRET], "header": "Content-Length"}, "invalid_request", "webhook.header"),
        ({"profile": "secret", "secrets": [SECRET], "header": "a b"}, "invalid_request", "webhook.header"),
        (
            {"profile": "secret", "secrets": ["line\nbreak-secret"], "header": "a"},
            "invalid_webhook",
            "webhook.secrets[0]",
        ),
        ({"profile": "slack", "secrets": [SECRET], "secret": "x"}, "invalid_request", "webhook.secret"),
    ],
)
async def test_what_could_not_be_verified_is_refused_by_its_field(
    tenant: Caller, webhook: dict[str, Any], code: str, field: str
) -> None:
    told = await tenant("POST", "/v1/connections", {**MOODLE, "webhook": webhook})
    assert (told.status, told.body["code"], told.body["field"]) == (422, code, field)
    assert SECRET.encode() not in told.raw


async def test_without_verification_there_is_no_secret_to_replace(tenant: Caller) -> None:
    made = await tenant.made("/v1/connections", MOODLE)
    told = await tenant("POST", f"/v1/connections/{made['id']}/webhook/rotate-secret", {"secret": "secret-4711"})
    assert (told.status, told.body["code"], told.body["field"]) == (422, "invalid_webhook", "secret")


async def raw_request(world: World, head: bytes, body: bytes = b"{}") -> int:
    """Send bytes as they are, and return the status of the answer."""
    host, port = world.settings.http_host, world.settings.http_port
    reader, writer = await asyncio.open_connection(host, port)
    length = b"Content-Length: %d\r\n" % len(body)
    writer.write(head + b"Host: x\r\nConnection: close\r\n" + length + b"\r\n" + body)
    answer = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "header",
    [
        b"X-Slack-Signature: v0=\xff\xfe\r\nX-Slack-Request-Timestamp: 1\r\n",
        b"X-Slack-Signature: v0=00\r\nX-Slack-Signature: v0=01\r\nX-Slack-Request-Timestamp: 1\r\n",
        b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: 1\r\nx-slack-request-timestamp: 2\r\n",
        b"X-Slack-Signature: " + b"0" * 100_000 + b"\r\n",
        b"X-Slack-Signature:\r\nX-Slack-Request-Timestamp:\r\n",
        b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: -99999999999999999999\r\n",
        b"X-Slack-Signature: v0=00\r\nX-Slack-Request-Timestamp: " + b"9" * 400 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(1000)),
        b"X-Slack-Signature : v0=00\r\n",
        b"\x00: 1\r\n",
    ],
)
async def test_headers_however_odd_are_the_senders_fault(world: World, tenant: Caller, header: bytes) -> None:
    provider = await source(world, tenant, "slack")
    path = provider.url.removeprefix(PUBLIC).encode()
    assert 400 <= await raw_request(world, b"POST " + path + b" HTTP/1.1\r\n" + header) < 500
    assert (await provider.send(provider.webhook()))[0] == 202
    assert len(await provider.taken()) == 1


async def test_a_query_that_is_no_utf_8_is_part_of_the_signed_address_byte_for_byte(
    world: World, tenant: Caller
) -> None:
    provider = await source(world, tenant, "hubspot_v2")
    path = provider.url.removeprefix(PUBLIC)
    webhook = provider.webhook(url=f"{provider.url}?a=%FF&&=%2f;x", body=b"{}")
    signature = SENDERS["hubspot_v2"](webhook)["X-HubSpot-Signature"]
    head = f"POST {path}?a=%FF&&=%2f;x HTTP/1.1\r\nX-HubSpot-Signature: {signature}\r\n".encode()
    assert await raw_request(world, head) == 202
    assert await raw_request(world, head.replace(b"%2f", b"%2F")) == 401
