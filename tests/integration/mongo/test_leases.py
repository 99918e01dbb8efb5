"""A lease has one holder at a time, and an epoch that grows with every holder."""

from __future__ import annotations

import asyncio

import pytest

from edurelay.mongo import Collection
from edurelay.mongo.leases import Lease, Leases


@pytest.fixture
def leases(lease_documents: Collection) -> Leases:
    return Leases(lease_documents)


async def acquired(leases: Leases, name: str, holder: str, seconds: float = 60.0) -> Lease:
    """Acquire the lease as soon as it is free."""
    async with asyncio.timeout(10):
        while True:
            lease = await leases.acquire(name, holder, seconds)
            if lease is not None:
                return lease
            await asyncio.sleep(0.01)


async def test_a_free_lease_is_acquired(leases: Leases) -> None:
    assert await leases.acquire("c1", "ana", 60) == Lease("c1", "ana", 1)


async def test_a_held_lease_is_refused_even_to_its_holder(leases: Leases) -> None:
    await leases.acquire("c1", "ana", 60)
    assert await leases.acquire("c1", "ben", 60) is None
    assert await leases.acquire("c1", "ana", 60) is None


async def test_leases_of_other_names_are_free(leases: Leases) -> None:
    await leases.acquire("c1", "ana", 60)
    assert await leases.acquire("c2", "ben", 60) == Lease("c2", "ben", 1)


async def test_of_many_at_once_one_gets_it(leases: Leases) -> None:
    for round_number in range(1, 6):
        answers = await asyncio.gather(*[leases.acquire("c1", f"holder {number}", 60) for number in range(12)])
        (winner,) = [answer for answer in answers if answer is not None]
        assert winner.epoch == round_number
        await leases.release(winner)


async def test_no_two_acquisitions_get_the_same_epoch(leases: Leases) -> None:
    async def work(holder: str) -> list[int]:
        epochs = []
        for _ in range(8):
            lease = await acquired(leases, "c1", holder)
            epochs.append(lease.epoch)
            await leases.release(lease)
        return epochs

    each = await asyncio.gather(*[work(f"holder {number}") for number in range(8)])
    assert sorted(epoch for epochs in each for epoch in epochs) == list(range(1, 65))


async def test_a_released_lease_is_free_with_a_higher_epoch(leases: Leases) -> None:
    first = await acquired(leases, "c1", "ana")
    await leases.release(first)
    assert await leases.acquire("c1", "ana", 60) == Lease("c1", "ana", 2)


async def test_a_lease_that_ran_out_is_free_with_a_higher_epoch(leases: Leases) -> None:
    await leases.acquire("c1", "ana", 0.05)
    assert await acquired(leases, "c1", "ben") == Lease("c1", "ben", 2)


async def test_a_renewed_lease_outlives_its_first_term(leases: Leases) -> None:
    lease = await acquired(leases, "c1", "ana", 0.2)
    other = await acquired(leases, "clock", "ana", 0.3)
    assert await leases.renew(lease, 60)
    await acquired(leases, "clock", "ben")  # By now the first term of c1 is over, by the database's own clock.
    assert other.epoch == 1
    assert await leases.acquire("c1", "ben", 60) is None


async def test_a_lost_lease_is_not_renewed(leases: Leases) -> None:
    lost = await acquired(leases, "c1", "ana", 0.05)
    current = await acquired(leases, "c1", "ben")
    assert not await leases.renew(lost, 60)
    assert await leases.renew(current, 60)


async def test_a_lease_lost_to_a_later_self_is_not_renewed(leases: Leases) -> None:
    lost = await acquired(leases, "c1", "ana", 0.05)
    await acquired(leases, "c1", "ana")
    assert not await leases.renew(lost, 60)


async def test_a_released_lease_is_not_renewed(leases: Leases) -> None:
    lease = await acquired(leases, "c1", "ana")
    await leases.release(lease)
    assert not await leases.renew(lease, 60)


async def test_a_lease_that_ran_out_but_was_not_taken_is_renewed(leases: Leases) -> None:
    lease = await acquired(leases, "c1", "ana", 0.05)
    await leases.acquire("clock", "ana", 0.1)
    await acquired(leases, "clock", "ben")
    assert await leases.renew(lease, 60)
    assert await leases.acquire("c1", "ben", 60) is None


async def test_releasing_a_lost_lease_leaves_the_new_holder_alone(leases: Leases) -> None:
    lost = await acquired(leases, "c1", "ana", 0.05)
    await acquired(leases, "c1", "ben")
    await leases.release(lost)
    assert await leases.acquire("c1", "cem", 60) is None


@pytest.mark.parametrize("holder", ["$name", "$$NOW", "a.b", "", "né"])
async def test_a_holder_may_have_any_name(leases: Leases, holder: str) -> None:
    assert await leases.acquire("c1", holder, 60) == Lease("c1", holder, 1)
    assert await leases.renew(Lease("c1", holder, 1), 60)
