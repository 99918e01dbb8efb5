"""The port `IdempotencyStore`: what every implementation keeps, and one in memory that keeps it."""

from __future__ import annotations

import asyncio

from edurelay.web.idempotency import Fresh, IdempotencyStore, Mismatch, Replay, StoredAnswer, UnderWay

ANSWER = StoredAnswer(201, {"Content-Type": "application/json", "Location": "/x"}, '{"é":"whsec_x"}'.encode())


class StoreInMemory:
    """Remembers keys for as long as it lives."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], tuple[str, StoredAnswer | None]] = {}

    async def begin(self, tenant: str, key: str, fingerprint: str) -> Fresh | Replay | UnderWay | Mismatch:
        known = self.keys.get((tenant, key))
        if known is None:
            self.keys[tenant, key] = (fingerprint, None)
            return Fresh()
        seen, answer = known
        if seen != fingerprint:
            return Mismatch()
        return UnderWay() if answer is None else Replay(answer)

    async def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        self.keys[tenant, key] = (self.keys[tenant, key][0], answer)

    async def abandon(self, tenant: str, key: str) -> None:
        self.keys.pop((tenant, key), None)


class IdempotencyStoreContract:
    """What every store keeps. A test of an implementation derives this and gives it a fixture `store`."""

    async def test_a_key_is_fresh_once(self, store: IdempotencyStore) -> None:
        assert await store.begin("a", "key", "f") == Fresh()
        assert await store.begin("a", "key", "f") == UnderWay()

    async def test_of_many_at_once_exactly_one_gets_the_key(self, store: IdempotencyStore) -> None:
        begun = await asyncio.gather(*(store.begin("a", "contested", "f") for _ in range(20)))
        assert begun.count(Fresh()) == 1
        assert begun.count(UnderWay()) == 19

    async def test_a_finished_key_gives_its_answer_as_it_was(self, store: IdempotencyStore) -> None:
        await store.begin("a", "finished", "f")
        await store.finish("a", "finished", ANSWER)
        assert await store.begin("a", "finished", "f") == Replay(ANSWER)

    async def test_another_request_with_the_key_does_not_match(self, store: IdempotencyStore) -> None:
        await store.begin("a", "matched", "f")
        assert await store.begin("a", "matched", "g") == Mismatch()
        await store.finish("a", "matched", ANSWER)
        assert await store.begin("a", "matched", "g") == Mismatch()

    async def test_an_abandoned_key_is_fresh_again_for_any_request(self, store: IdempotencyStore) -> None:
        await store.begin("a", "abandoned", "f")
        await store.abandon("a", "abandoned")
        assert await store.begin("a", "abandoned", "g") == Fresh()

    async def test_tenants_do_not_share_keys(self, store: IdempotencyStore) -> None:
        await store.begin("a", "shared", "f")
        await store.finish("a", "shared", ANSWER)
        assert await store.begin("b", "shared", "f") == Fresh()
