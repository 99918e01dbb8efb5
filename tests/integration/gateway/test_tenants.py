"""Tenants, keys, and who may call what."""

from __future__ import annotations

import uuid

import pytest

from edurelay.mongo import Database
from edurelay_gateway.tenants.store import API_KEYS, TENANTS
from integration.gateway.world import ADMIN_TOKEN, INTERNAL_TOKEN, Caller, World


async def test_a_tenant_has_a_uuid_and_a_name(world: World) -> None:
    await world.tenant("Southbank")
    told = await world.admin("POST", "/v1/tenants", {"name": "Northfield"})
    assert told.status == 201
    assert str(uuid.UUID(told.body["id"])) == told.body["id"]
    assert (await world.admin("GET", f"/v1/tenants/{told.body['id']}")).body == told.body
    listed = (await world.admin("GET", "/v1/tenants?limit=1")).body
    assert listed["data"] == [told.body]
    assert listed["next_cursor"] is not None


async def test_a_key_is_shown_once_and_kept_only_as_a_hash(world: World, tenant: Caller, mongo_uri: str) -> None:
    listed = await world.admin("GET", f"/v1/tenants/{tenant.tenant}/keys")
    assert [key["id"] for key in listed.body["data"]] == [tenant.token.split("_")[1]]
    secret = tenant.token.split("_")[2]
    assert secret.encode() not in listed.raw
    collections = [TENANTS, API_KEYS]
    async with await Database.connect(mongo_uri, world.settings.mongo_database, collections=collections) as database:
        for collection in collections:
            assert secret not in repr(await database[collection].find().to_list(None))


async def test_a_revoked_key_stops_working_at_once(world: World, tenant: Caller) -> None:
    assert (await tenant("GET", "/v1/endpoints")).status == 200
    path = f"/v1/tenants/{tenant.tenant}/keys/{tenant.token.split('_')[1]}"
    assert (await world.admin("DELETE", path)).status == 204
    told = await tenant("GET", "/v1/endpoints")
    assert (told.status, told.body["code"]) == (401, "unauthenticated")
    assert (await world.admin("DELETE", path)).status == 404


async def test_a_key_of_another_tenant_cannot_be_revoked_through_this_one(
    world: World, tenant: Caller, stranger: Caller
) -> None:
    path = f"/v1/tenants/{stranger.tenant}/keys/{tenant.token.split('_')[1]}"
    assert (await world.admin("DELETE", path)).status == 404
    assert (await tenant("GET", "/v1/endpoints")).status == 200


@pytest.mark.parametrize(
    "token", ["", "x", "edr_00000000_" + "a" * 43 + "_00000000", "Bearer", "é", "edr_", INTERNAL_TOKEN + "x"]
)
async def test_without_a_right_key_there_is_nothing(world: World, token: str) -> None:
    caller = world.with_token(token)
    for method, path in (("GET", "/v1/endpoints"), ("POST", "/v1/events"), ("GET", "/v1/tenants")):
        told = await caller(method, path, {"type": "a", "data": {}} if method == "POST" else None)
        assert (told.status, told.body["code"]) == (401, "unauthenticated")


async def test_a_key_with_another_secret_is_no_key(world: World, tenant: Caller, stranger: Caller) -> None:
    ours, theirs = tenant.token.split("_"), stranger.token.split("_")
    mixed = "_".join([ours[0], ours[1], theirs[2], theirs[3]])
    assert (await world.with_token(mixed)("GET", "/v1/endpoints")).status == 401


async def test_each_kind_of_caller_has_its_own_calls(world: World, tenant: Caller) -> None:
    assert (await tenant("GET", "/v1/tenants")).body["code"] == "admin_required"
    assert (await world.with_token(ADMIN_TOKEN)("GET", "/v1/endpoints")).body["code"] == "tenant_required"
    assert (await world.with_token(INTERNAL_TOKEN)("GET", "/v1/tenants")).body["code"] == "admin_required"
    disable = f"/internal/tenants/{tenant.tenant}/endpoints/ep_1/disable"
    assert (await world.admin("POST", disable, {"reason": "r", "version": 1})).body["code"] == "internal_only"


async def test_the_missing_is_missing_for_the_administration_too(world: World) -> None:
    for path in ("/v1/tenants/nobody", "/v1/tenants/nobody/keys", "/v1/tenants/%24ne", "/v1/tenants/%00"):
        assert (await world.admin("GET", path)).status == 404
    assert (await world.admin("POST", "/v1/tenants/nobody/keys", {})).status == 404
