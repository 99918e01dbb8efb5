"""Work goes on only for as long as its lease is known to be held."""

from __future__ import annotations

import asyncio

import pytest

from edurelay.mongo import StoreUnavailable
from edurelay.mongo.leases import Lease
from edurelay_connector_runner.work.holding import LeaseLost, hold

LEASE = Lease("connection", "runner", 1)
SECONDS = 0.09


class Renewing:
    """A lease book whose answers are given: True, False, or that the database is away."""

    def __init__(self, *answers: bool | None) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def renew(self, lease: Lease, seconds: float) -> bool:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise StoreUnavailable[0]("away")
        return answer


class Work:
    """Work that goes on until it is cut off, or told to end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.outcome = "running"

    async def __call__(self) -> None:
        try:
            await self.end.wait()
            self.outcome = "done"
        except asyncio.CancelledError:
            self.outcome = "cut off"
            raise


async def test_a_lease_is_renewed_for_as_long_as_the_work_takes() -> None:
    leases, work = Renewing(True), Work()
    asyncio.get_running_loop().call_later(3 * SECONDS, work.end.set)
    await hold(leases, LEASE, SECONDS, work())
    assert work.outcome == "done"
    assert leases.asked >= 3


async def test_a_lease_that_somebody_else_has_ends_the_work_at_once() -> None:
    work = Work()
    with pytest.raises(LeaseLost):
        await hold(Renewing(True, False), LEASE, SECONDS, work())
    assert work.outcome == "cut off"


async def test_a_database_that_is_away_for_a_moment_does_no_harm() -> None:
    leases, work = Renewing(None, True), Work()
    asyncio.get_running_loop().call_later(2 * SECONDS, work.end.set)
    await hold(leases, LEASE, SECONDS, work())
    assert work.outcome == "done"


async def test_a_lease_that_cannot_be_renewed_in_time_ends_the_work() -> None:
    work = Work()
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeaseLost):
        await hold(Renewing(None), LEASE, SECONDS, work())
    assert work.outcome == "cut off"
    assert asyncio.get_running_loop().time() - began >= SECONDS * 0.9


async def test_the_error_of_the_work_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await hold(Renewing(True), LEASE, SECONDS, fail())
