"""Keys of Ed25519: made when first needed, rotated like secrets, public where they may be and nowhere else."""

from __future__ import annotations

import time

import pytest

from edurelay.events import topics
from edurelay.messages.subscriptions import SIGNING_KEY, SignatureAlgorithm, Subscription, sealing_context
from edurelay.security.ed25519 import jwk, public_key
from edurelay.security.sealing import Sealer
from integration.gateway.routes import MISSING
from integration.gateway.world import RECEIVER, SEAL_KEYS, Caller, Told, World, until

BOTH = {**RECEIVER, "signature_algorithms": ["v1", "v1a"]}


async def state_of(world: World, endpoint_id: str) -> Subscription:
    last = (await world.messages(topics.SUBSCRIPTIONS, endpoint_id))[-1]
    assert last.value is not None
    return Subscription.decode(last.value)


def opened(state: Subscription) -> list[str]:
    sealer, context = Sealer.from_keys(SEAL_KEYS), sealing_context(state.tenant, state.id, SIGNING_KEY)
    return [sealer.unseal(sealed, context).decode() for sealed in state.signing_keys]


async def jwks(world: World, endpoint_id: str) -> Told:
    return await world.anybody("GET", f"/v1/endpoints/{endpoint_id}/jwks.json")


async def test_an_endpoint_signs_with_v1_and_has_no_key_unless_it_asks_for_one(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    assert (endpoint["signature_algorithms"], endpoint["public_key"]) == (["v1"], None)
    state = await state_of(world, endpoint["id"])
    assert (state.signature_algorithms, state.signing_keys) == ([SignatureAlgorithm.V1], [])


@pytest.mark.parametrize("algorithms", [["v1a"], ["v1", "v1a"]], ids="-".join)
async def test_a_new_endpoint_that_asks_for_v1a_gets_a_key_pair_beside_its_secret(
    world: World, tenant: Caller, algorithms: list[str]
) -> None:
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "signature_algorithms": algorithms})
    assert endpoint["signature_algorithms"] == algorithms
    assert endpoint["secret"].startswith("whsec_")
    state = await state_of(world, endpoint["id"])
    [key] = opened(state)
    assert public_key(key) == endpoint["public_key"]
    assert state.signing_key_expiries == [0]
    shown = await tenant("GET", f"/v1/endpoints/{endpoint['id']}/secret")
    assert shown.body == {
        "secret": endpoint["secret"],
        "previous": [],
        "public_key": endpoint["public_key"],
        "previous_public_keys": [],
    }
    messages = await world.messages(topics.SUBSCRIPTIONS, endpoint["id"])
    for text in (shown.raw, *(message.value or b"" for message in messages)):
        assert key.encode() not in text
        assert b"whsk_" not in text


async def test_a_key_is_made_when_v1a_is_chosen_and_stays_when_it_is_left(world: World, tenant: Caller) -> None:
    path = f"/v1/endpoints/{(await tenant.made('/v1/endpoints', RECEIVER))['id']}"
    seen = []
    for algorithms in (["v1", "v1a"], ["v1"], ["v1a"]):
        told = await tenant("PATCH", path, {"signature_algorithms": algorithms})
        assert told.body["signature_algorithms"] == algorithms
        seen.append((await tenant("GET", f"{path}/secret")).body["public_key"])
    assert seen[0] is not None
    assert set(seen) == {seen[0]}


async def test_a_rotated_key_overlaps_with_the_old_one(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", BOTH)
    path = f"/v1/endpoints/{endpoint['id']}"
    rotated = (await tenant("POST", f"{path}/rotate-secret")).body
    assert rotated["public_key"] != endpoint["public_key"]
    assert [each["public_key"] for each in rotated["previous_public_keys"]] == [endpoint["public_key"]]
    assert [each["secret"] for each in rotated["previous"]] == [endpoint["secret"]]
    state = await state_of(world, endpoint["id"])
    assert [public_key(key) for key in opened(state)] == [rotated["public_key"], endpoint["public_key"]]
    assert state.signing_key_expiries == [0, pytest.approx(time.time() + 86_400, abs=60)]

    at_once = (await tenant("POST", f"{path}/rotate-secret", {"overlap_seconds": 0})).body
    assert at_once["previous_public_keys"] == []
    assert len((await state_of(world, endpoint["id"])).signing_keys) == 1


async def test_rotating_makes_no_key_where_none_is_needed(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    rotated = (await tenant("POST", f"/v1/endpoints/{endpoint['id']}/rotate-secret")).body
    assert (rotated["public_key"], rotated["previous_public_keys"]) == (None, [])


async def test_anybody_finds_the_public_keys_the_current_one_first(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", BOTH)
    told = await jwks(world, endpoint["id"])
    assert told.status == 200
    assert told.headers["Content-Type"] == "application/json"
    assert told.headers["Cache-Control"] == "public, max-age=300"
    assert told.body == {"keys": [jwk(endpoint["public_key"])]}

    rotated = (await tenant("POST", f"/v1/endpoints/{endpoint['id']}/rotate-secret")).body
    both = [jwk(key) for key in (rotated["public_key"], endpoint["public_key"])]
    told = await until(lambda: jwks(world, endpoint["id"]), lambda told: told.body == {"keys": both})

    known = {"If-None-Match": f'W/"other", {told.headers["Etag"]}'}
    unchanged = await world.anybody("GET", f"/v1/endpoints/{endpoint['id']}/jwks.json", headers=known)
    assert (unchanged.status, unchanged.raw) == (304, b"")
    assert unchanged.headers["Etag"] == told.headers["Etag"]


async def test_an_endpoint_without_keys_looks_like_one_that_does_not_exist(world: World, tenant: Caller) -> None:
    bare = await tenant.made("/v1/endpoints", RECEIVER)
    deleted = await tenant.made("/v1/endpoints", BOTH)
    await tenant("DELETE", f"/v1/endpoints/{deleted['id']}")
    answers = [
        await jwks(world, endpoint_id)
        for endpoint_id in (bare["id"], deleted["id"], MISSING["endpoint_id"], "x", "%24ne", "..%2F..")
    ]
    assert {(told.status, told.raw, told.headers["Etag"]) for told in answers} == {
        (200, b'{"keys":[]}', answers[0].headers["Etag"])
    }


@pytest.mark.parametrize("algorithms", [[], ["v2"], ["v1", "v1a", "v1"], "v1", None, [None]], ids=str)
async def test_other_algorithms_are_refused(tenant: Caller, algorithms: object) -> None:
    path = f"/v1/endpoints/{(await tenant.made('/v1/endpoints', RECEIVER))['id']}"
    for told in (
        await tenant("POST", "/v1/endpoints", {**RECEIVER, "signature_algorithms": algorithms}),
        await tenant("PATCH", path, {"signature_algorithms": algorithms}),
    ):
        assert told.status == 422
        assert told.body["field"].startswith("signature_algorithms")


async def test_the_format_of_the_body_is_chosen_by_name(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "body_format": "cloudevents"})
    assert (await state_of(world, endpoint["id"])).body_format == "cloudevents"
    path = f"/v1/endpoints/{endpoint['id']}"
    assert (await tenant("PATCH", path, {"body_format": "edurelay"})).body["body_format"] == "edurelay"
    for wrong in ("xml", None, 7):
        told = await tenant("PATCH", path, {"body_format": wrong})
        assert (told.status, told.body["field"]) == (422, "body_format")
