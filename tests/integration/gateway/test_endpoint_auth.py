"""How deliveries prove who sends them: checked when saved, sealed at once, shown without what is secret."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from edurelay.events import topics
from edurelay.messages.receiver_auth import ReceiverAuth, decode, encode
from edurelay.messages.subscriptions import AUTH, Subscription, sealing_context
from edurelay.security.sealing import Sealer
from integration.authority import Authority
from integration.gateway.world import RECEIVER, SEAL_KEYS, Caller, World, running

CANARY = "canary-4711"
ISSUED = Authority("authority").issue("hub")
OTHER = Authority("other").issue("other")
EXPIRED = Authority("authority").issue("hub", days=(-2, -1))

#: Each kind with what of it is shown, and the texts that never are.
KINDS: dict[str, tuple[dict[str, str], set[str]]] = {
    "basic": ({"type": "basic", "username": "hub", "password": CANARY}, {"password"}),
    "bearer": ({"type": "bearer", "token": CANARY}, {"token"}),
    "api_key": ({"type": "api_key", "header": "X-Api-Key", "value": CANARY}, {"value"}),
    "oauth2": (
        {
            "type": "oauth2_client_credentials",
            "token_url": "https://login.example/token",
            "client_id": "hub",
            "client_secret": CANARY,
            "scope": "hooks",
        },
        {"client_secret"},
    ),
    "certificate": (
        {"type": "client_certificate", "certificate": ISSUED.certificate, "private_key": ISSUED.private_key},
        {"private_key"},
    ),
}
BEARER = KINDS["bearer"][0]


def shown(auth: dict[str, str], secret: set[str]) -> dict[str, str]:
    return {name: value for name, value in auth.items() if name not in secret}


async def state_of(world: World, endpoint_id: str) -> Subscription:
    last = (await world.messages(topics.SUBSCRIPTIONS, endpoint_id))[-1]
    assert last.value is not None
    return Subscription.decode(last.value)


def opened(state: Subscription) -> ReceiverAuth:
    assert state.auth is not None
    return decode(Sealer.from_keys(SEAL_KEYS).unseal(state.auth, sealing_context(state.tenant, state.id, AUTH)))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_secret_reaches_the_dispatcher_sealed_and_nobody_else(
    world: World, tenant: Caller, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    auth, secret = KINDS[kind]
    told = await tenant("POST", "/v1/endpoints", {**RECEIVER, "auth": auth})
    assert told.status == 201, told.raw
    path = f"/v1/endpoints/{told.body['id']}"
    assert told.body["auth"] == shown(auth, secret)
    assert encode(opened(await state_of(world, told.body["id"]))) == encode(decode_of(auth))

    answers = [told, *[await tenant("GET", each) for each in (path, "/v1/endpoints", f"{path}/secret")]]
    answers.append(await tenant("PATCH", path, {"description": "x"}))
    assert answers[-1].body["auth"] == shown(auth, secret)
    messages = await world.messages(topics.SUBSCRIPTIONS, told.body["id"])
    output = "".join(capfd.readouterr())
    for name in secret:
        # A key's text is on several lines, of which each would tell something.
        for line in (line for line in auth[name].splitlines() if not line.startswith("-")):
            assert line.encode() not in b"".join(answer.raw for answer in answers)
            assert line.encode() not in b"".join(message.value or b"" for message in messages)
            assert line not in output


def decode_of(auth: dict[str, str]) -> ReceiverAuth:
    return decode(orjson.dumps(auth))


async def test_what_is_left_out_stays_and_null_removes(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "auth": BEARER})
    path = f"/v1/endpoints/{endpoint['id']}"
    assert (await tenant("PATCH", path, {"description": "x"})).body["auth"] == {"type": "bearer"}
    assert encode(opened(await state_of(world, endpoint["id"]))) == encode(decode_of(BEARER))

    replaced = await tenant("PATCH", path, {"auth": KINDS["basic"][0]})
    assert replaced.body["auth"] == {"type": "basic", "username": "hub"}
    assert opened(await state_of(world, endpoint["id"])).type == "basic"

    assert (await tenant("PATCH", path, {"auth": None})).body["auth"] is None
    assert (await state_of(world, endpoint["id"])).auth is None


async def test_without_it_there_is_none(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    assert endpoint["auth"] is None
    assert (await state_of(world, endpoint["id"])).auth is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "auth"),
    ({"type": "digest"}, "auth"),
    ({"type": "bearer"}, "auth.token"),
    ({"type": "bearer", "token": ""}, "auth.token"),
    ({"type": "bearer", "token": f"{CANARY}\r\nX-Evil: 1"}, "auth.token"),
    ({"type": "bearer", "token": f" {CANARY}"}, "auth.token"),
    ({"type": "bearer", "token": f"{CANARY}é"}, "auth.token"),
    ({"type": "bearer", "token": 7}, "auth.token"),
    ({"type": "bearer", "token": CANARY, "username": "x"}, "auth.username"),
    ({"type": "basic", "username": "a:b", "password": CANARY}, "auth.username"),
    ({"type": "basic", "username": "a", "password": f"{CANARY}\n"}, "auth.password"),
    ({"type": "api_key", "header": "X Key", "value": CANARY}, "auth.header"),
    ({"type": "api_key", "header": "X-Key\r\n", "value": CANARY}, "auth.header"),
    ({"type": "api_key", "header": "Webhook-Signature", "value": CANARY}, "auth.header"),
    ({"type": "api_key", "header": "content-type", "value": CANARY}, "auth.header"),
    ({"type": "api_key", "header": "X-Key", "value": f"{CANARY}\n"}, "auth.value"),
    ({**KINDS["oauth2"][0], "token_url": "http://login.example/token"}, "auth.token_url"),
    ({**KINDS["oauth2"][0], "token_url": "https://10.0.0.1/token"}, "auth.token_url"),
    ({**KINDS["oauth2"][0], "token_url": f"https://hub:{CANARY}@login.example/"}, "auth.token_url"),
    ({**KINDS["oauth2"][0], "client_id": ""}, "auth.client_id"),
    ({**KINDS["oauth2"][0], "scope": "a\nb"}, "auth.scope"),
    ({**KINDS["certificate"][0], "certificate": "nonsense"}, "auth.certificate"),
    ({**KINDS["certificate"][0], "certificate": ISSUED.private_key + ISSUED.certificate}, "auth.certificate"),
    ({**KINDS["certificate"][0], "certificate": EXPIRED.certificate}, "auth.certificate"),
    ({**KINDS["certificate"][0], "private_key": "nonsense"}, "auth.private_key"),
    ({**KINDS["certificate"][0], "private_key": OTHER.private_key}, "auth.private_key"),
]


@pytest.mark.parametrize(("auth", "field"), WRONG, ids=[f"{number}-{field}" for number, (_, field) in enumerate(WRONG)])
async def test_what_cannot_be_used_is_refused_by_its_field_and_not_quoted(
    tenant: Caller, auth: dict[str, Any], field: str
) -> None:
    path = f"/v1/endpoints/{(await tenant.made('/v1/endpoints', RECEIVER))['id']}"
    for told in (
        await tenant("POST", "/v1/endpoints", {**RECEIVER, "auth": auth}),
        await tenant("PATCH", path, {"auth": auth}),
    ):
        assert (told.status, told.body["field"]) == (422, field), told.raw
        assert CANARY.encode() not in told.raw
        assert b"-----" not in told.raw
    assert (await tenant("GET", path)).body["version"] == 1


@pytest.mark.parametrize(
    ("auth", "name"),
    [(BEARER, "Authorization"), (KINDS["basic"][0], "authorization"), (KINDS["api_key"][0], "x-api-KEY")],
)
async def test_an_own_header_cannot_take_the_place_of_the_proof(
    tenant: Caller, auth: dict[str, str], name: str
) -> None:
    own = {"headers": {name: "own"}}
    told = await tenant("POST", "/v1/endpoints", {**RECEIVER, **own, "auth": auth})
    assert (told.status, told.body["code"], told.body["field"]) == (422, "auth_not_allowed", f"headers.{name}")
    for first, second in ((own, {"auth": auth}), ({"auth": auth}, own)):
        endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, **first})
        path = f"/v1/endpoints/{endpoint['id']}"
        assert (await tenant("PATCH", path, second)).status == 422
        assert (await tenant("PATCH", path, {"headers": {}, "auth": None} | second)).status == 200


async def test_a_client_certificate_needs_tls(kafka_bootstrap: str, mongo_uri: str, database_name: str) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name, require_https=False) as world:
        tenant, auth = await world.tenant(), {"auth": KINDS["certificate"][0]}
        plain = {**RECEIVER, "url": "http://receiver.example/hook"}
        told = await tenant("POST", "/v1/endpoints", {**plain, **auth})
        assert (told.status, told.body["field"]) == (422, "auth")
        endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, **auth})
        told = await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", {"url": plain["url"]})
        assert (told.status, told.body["field"]) == (422, "auth")
        # The same setting lets a token endpoint do without.
        oauth2 = {**KINDS["oauth2"][0], "token_url": "http://login.example/token"}
        assert (await tenant("POST", "/v1/endpoints", {**plain, "auth": oauth2})).status == 201
