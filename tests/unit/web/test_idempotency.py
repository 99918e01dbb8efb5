"""`Idempotency-Key`: the same request has one effect and one answer; anything else with the key is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from edurelay.web.idempotency import IdempotencyStore, StoredAnswer
from unit.web.api import Api, Things, serving
from unit.web.held import Held
from unit.web.stores import IdempotencyStoreContract, StoreInMemory

GOOD = b'{"name":"good"}'


class TestStoreInMemory(IdempotencyStoreContract):
    """The store of these tests is a store."""

    @pytest.fixture
    def store(self) -> IdempotencyStore:
        return StoreInMemory()


class Keyed:
    """A running API, its operations and its store."""

    def __init__(self, api: Api, things: Things, held: Held, store: StoreInMemory) -> None:
        self.api, self.things, self.held, self.store = api, things, held, store


@pytest_asyncio.fixture
async def keyed() -> AsyncIterator[Keyed]:
    things, held, store = Things(), Held(), StoreInMemory()
    async with serving([things, held], idempotency=store) as api:
        yield Keyed(api, things, held, store)


async def test_a_repetition_gets_the_first_answer_and_has_no_effect(keyed: Keyed) -> None:
    first = await keyed.api.post("/v1/things", GOOD, headers={"Idempotency-Key": "k"})
    again = await keyed.api.post("/v1/things", GOOD, headers={"Idempotency-Key": "k"})
    assert keyed.things.made == 1
    assert (again.status, again.raw) == (first.status, first.raw) == (201, first.raw)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == "application/json"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_without_a_key_every_request_has_its_effect(keyed: Keyed) -> None:
    for _ in range(2):
        await keyed.api.post("/v1/things", GOOD)
    assert keyed.things.made == 2


async def test_another_body_with_the_key_is_422(keyed: Keyed) -> None:
    await keyed.api.post("/v1/things", GOOD, headers={"Idempotency-Key": "k"})
    other = await keyed.api.post("/v1/things", b'{"name":"other"}', headers={"Idempotency-Key": "k"})
    assert (other.status, other.json["code"], other.json["field"]) == (
        422,
        "idempotency_key_reused",
        "Idempotency-Key",
    )


async def test_another_path_with_the_key_is_422(keyed: Keyed) -> None:
    keyed.held.release.set()
    await keyed.api.call("POST", "/held/1", headers={"Idempotency-Key": "k"})
    other = await keyed.api.call("POST", "/held/2", headers={"Idempotency-Key": "k"})
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_while_the_first_is_under_way_a_repetition_is_409(keyed: Keyed) -> None:
    first = asyncio.create_task(keyed.api.call("POST", "/held/1", headers={"Idempotency-Key": "k"}))
    await keyed.held.entered.wait()
    early = await keyed.api.call("POST", "/held/1", headers={"Idempotency-Key": "k"})
    assert (early.status, early.json["code"]) == (409, "idempotency_key_in_use")
    assert early.headers["Retry-After"] == "1"
    keyed.held.release.set()
    assert (await first).json == {"call": 1}


async def test_tenants_do_not_share_keys(keyed: Keyed) -> None:
    for key in ("key-of-a", "key-of-b"):
        answer = await keyed.api.post("/v1/things", GOOD, key=key, headers={"Idempotency-Key": "k"})
        assert answer.status == 201
    assert keyed.things.made == 2


@pytest.mark.parametrize("name", ["broken", "down", "taken"])
async def test_a_request_that_raised_may_be_tried_again(keyed: Keyed, name: str) -> None:
    for _ in range(2):
        answer = await keyed.api.post("/v1/things", f'{{"name":"{name}"}}'.encode(), headers={"Idempotency-Key": "k"})
        assert answer.status >= 400
    assert keyed.things.made == 2


async def test_an_answer_that_is_our_fault_is_not_kept(keyed: Keyed) -> None:
    keyed.held.release.set()
    keyed.held.status = 503
    assert (await keyed.api.call("POST", "/held/1", headers={"Idempotency-Key": "k"})).status == 503
    keyed.held.status = 200
    assert (await keyed.api.call("POST", "/held/1", headers={"Idempotency-Key": "k"})).json == {"call": 2}


async def test_a_request_that_was_refused_at_the_gate_leaves_the_key_alone(keyed: Keyed) -> None:
    assert (await keyed.api.post("/v1/things", b"{}", headers={"Idempotency-Key": "k"})).status == 422
    assert (await keyed.api.post("/v1/things", GOOD, headers={"Idempotency-Key": "k"})).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "\xe9", "a\tb"])
async def test_a_malformed_key_is_a_400(keyed: Keyed, key: str) -> None:
    answer = await keyed.api.post("/v1/things", GOOD, headers={"Idempotency-Key": key})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (
        400,
        "invalid_idempotency_key",
        "Idempotency-Key",
    )


class Forgetful(StoreInMemory):
    """A store that cannot be reached once a key was taken."""

    async def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        raise ConnectionError(f"no store for {tenant}, {key}, {answer.status}")


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same() -> None:
    async with serving([Things()], idempotency=Forgetful()) as api:
        answer = await api.post("/v1/things", GOOD, headers={"Idempotency-Key": "k"})
    assert answer.status == 201


async def test_an_operation_that_is_not_idempotent_takes_no_notice_of_a_key(keyed: Keyed) -> None:
    answer = await keyed.api.call("POST", "/in/1", key=None, data=b"x", headers={"Idempotency-Key": "k"})
    assert (answer.status, keyed.store.keys) == (202, {})
