"""`Idempotency-Key`: one effect, one answer, over restarts and crashes."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest

from edurelay.events import topics
from edurelay.mongo import Database
from edurelay.security.sealing import Sealer
from edurelay.web.idempotency import Fresh, Mismatch, Replay, StoredAnswer, UnderWay
from edurelay_gateway.faces.integrations.reports import MOST_MAPPINGS
from edurelay_gateway.idempotency import IDEMPOTENCY_KEYS, MongoIdempotencyStore
from integration.gateway.world import MOODLE, RECEIVER, SEAL_KEYS, Caller, World, running

KEY = {"Idempotency-Key": "key-1"}
EVENT = {"type": "a.b", "data": {"n": 1}, "subject": "keyed"}
ANSWER = StoredAnswer(201, {"Location": "/x"}, b'{"secret":"canary-answer"}')


async def test_the_same_request_has_one_effect_and_one_answer(world: World, tenant: Caller) -> None:
    first = await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)
    again = await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)
    assert (again.status, again.raw) == (201, first.raw)
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" in again.headers
    assert len((await tenant("GET", "/v1/endpoints")).body["data"]) == 1


async def test_another_body_with_the_key_is_refused(tenant: Caller) -> None:
    await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)
    told = await tenant("POST", "/v1/endpoints", {**RECEIVER, "description": "other"}, headers=KEY)
    assert (told.status, told.body["code"]) == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_its_tenant(tenant: Caller, stranger: Caller) -> None:
    ours = await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)
    theirs = await stranger("POST", "/v1/endpoints", RECEIVER, headers=KEY)
    assert theirs.status == 201
    assert theirs.body["id"] != ours.body["id"]


async def test_of_many_at_once_one_acts(world: World, tenant: Caller) -> None:
    told = await asyncio.gather(*(tenant("POST", "/v1/connections", MOODLE, headers=KEY) for _ in range(10)))
    assert {each.status for each in told} <= {201, 409}
    assert len({each.body["id"] for each in told if each.status == 201}) == 1
    assert len((await tenant("GET", "/v1/connections")).body["data"]) == 1


async def test_a_refused_request_may_be_mended_under_the_same_key(tenant: Caller) -> None:
    bad = await tenant("POST", "/v1/endpoints", {**RECEIVER, "url": "http://x"}, headers=KEY)
    assert bad.status == 422
    assert (await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)).status == 201


async def test_a_published_event_is_in_the_log_once_and_its_id_follows_from_the_key(
    world: World, tenant: Caller
) -> None:
    first = await tenant("POST", "/v1/events", EVENT, headers=KEY)
    again = await tenant("POST", "/v1/events", EVENT, headers=KEY)
    assert first.body == again.body
    [message] = await world.messages(topics.EVENTS, f"{tenant.tenant}/keyed")
    assert dict(message.headers)["ce_id"].decode() == first.body["id"]
    assert "maybe-repeated" in dict(message.headers)


@pytest.mark.parametrize("key", ["", "ä", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(tenant: Caller, key: str) -> None:
    told = await tenant("POST", "/v1/endpoints", RECEIVER, headers={"Idempotency-Key": key})
    assert (told.status, told.body["code"], told.body["field"]) == (400, "invalid_idempotency_key", "Idempotency-Key")


async def test_the_administration_has_keys_too_and_gets_the_same_api_key_again(world: World, tenant: Caller) -> None:
    path = f"/v1/tenants/{tenant.tenant}/keys"
    headers = {"Idempotency-Key": f"admin-{tenant.tenant}"}
    first = await world.admin("POST", path, {"name": "ci"}, headers=headers)
    again = await world.admin("POST", path, {"name": "ci"}, headers=headers)
    assert first.raw == again.raw
    assert len((await world.admin("GET", path)).body["data"]) == 2


async def test_an_answer_outlives_the_process(kafka_bootstrap: str, mongo_uri: str, database_name: str) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name) as world:
        tenant = await world.tenant()
        first = await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)
        key = tenant.token
    async with running(kafka_bootstrap, mongo_uri, database_name) as world:
        tenant = world.with_token(key)
        assert (await tenant("POST", "/v1/endpoints", RECEIVER, headers=KEY)).raw == first.raw


class Stores:
    """Two processes' stores over one database; their leases are short, and renewed only by hand."""

    def __init__(self, database: Database, keep: timedelta = timedelta(hours=1)) -> None:
        self.database = database
        sealer = Sealer.from_keys(SEAL_KEYS)
        self.first, self.second = (
            MongoIdempotencyStore(database, sealer, lease_seconds=0.3, keep=keep) for _ in range(2)
        )


@pytest.fixture
async def database(mongo_uri: str, database_name: str) -> AsyncIterator[Database]:
    async with await Database.connect(mongo_uri, database_name, collections=[IDEMPOTENCY_KEYS]) as database:
        yield database


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database)


async def test_a_key_under_way_is_nobody_elses(stores: Stores) -> None:
    assert await stores.first.begin("t", "k", "f") == Fresh()
    assert await stores.second.begin("t", "k", "f") == UnderWay()
    assert await stores.second.begin("t", "k", "other") == Mismatch()


async def test_a_key_whose_holder_died_is_free_again_but_only_for_the_same_request(stores: Stores) -> None:
    await stores.first.begin("t", "k", "f")
    await asyncio.sleep(0.35)
    assert await stores.second.begin("t", "k", "other") == Mismatch()
    assert await stores.second.begin("t", "k", "f") == Fresh()
    assert await stores.first.begin("t", "k", "f") == UnderWay()


async def test_who_works_long_keeps_its_key(stores: Stores) -> None:
    await stores.first.begin("t", "k", "f")
    for _ in range(3):
        await asyncio.sleep(0.15)
        await stores.first.renew()
    assert await stores.second.begin("t", "k", "f") == UnderWay()


async def test_who_lost_its_key_cannot_answer_for_its_successor(stores: Stores) -> None:
    await stores.first.begin("t", "k", "f")
    await asyncio.sleep(0.35)
    await stores.second.begin("t", "k", "f")
    late = StoredAnswer(201, {}, b"late")
    await stores.first.finish("t", "k", late)
    await stores.first.abandon("t", "k")
    assert await stores.first.begin("t", "k", "f") == UnderWay()
    await stores.second.finish("t", "k", ANSWER)
    await stores.first.finish("t", "k", late)
    assert await stores.first.begin("t", "k", "f") == Replay(ANSWER)


async def test_an_abandoned_key_is_fresh(stores: Stores) -> None:
    await stores.first.begin("t", "k", "f")
    await stores.first.abandon("t", "k")
    assert await stores.second.begin("t", "k", "another request") == Fresh()


async def test_an_answer_is_forgotten_when_its_time_is_over(database: Database) -> None:
    stores = Stores(database, keep=timedelta(seconds=0.2))
    await stores.first.begin("t", "k", "f")
    await stores.first.finish("t", "k", ANSWER)
    await asyncio.sleep(0.25)
    assert await stores.second.begin("t", "k", "another request") == Fresh()


async def test_a_kept_answer_is_sealed(stores: Stores) -> None:
    await stores.first.begin("t", "k", "f")
    await stores.first.finish("t", "k", ANSWER)
    [document] = await stores.database[IDEMPOTENCY_KEYS].find().to_list(None)
    text = repr(document)
    assert "canary" not in text
    assert base64.b64encode(b"canary-answer").decode().rstrip("=") not in text


async def test_the_largest_answer_is_repeated_too(mongo_uri: str, database_name: str) -> None:
    # What a sync through the documented face shows at most: so many mappings of ids that have nothing in common.
    mappings = [{"externalId": secrets.token_hex(16), "internalId": str(uuid4())} for _ in range(MOST_MAPPINGS)]
    padding = "x" * 180  # A whole mapping has some 290 bytes.
    answer = StoredAnswer(200, {}, orjson.dumps([{**each, "entityType": padding} for each in mappings]))
    async with await Database.connect(mongo_uri, database_name, collections=[IDEMPOTENCY_KEYS]) as database:
        keys = MongoIdempotencyStore(database, Sealer.from_keys(SEAL_KEYS))
        assert await keys.begin("north", "k", "f") == Fresh()
        await keys.finish("north", "k", answer)
        assert await keys.begin("north", "k", "f") == Replay(answer)
