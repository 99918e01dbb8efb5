"""Kill a runner anywhere, let another go on: the same records arrive, and the counts add up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edurelay.events.ids import new_id, new_uuid
from edurelay.kafka.producer import Producer
from edurelay.messages.connections import Connection
from edurelay.messages.runs import Run, RunStatus
from edurelay.mongo import Database
from edurelay.mongo.leases import Leases
from edurelay_connector_runner.runs import store
from edurelay_connector_runner.runs.interruption import Fenced
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.mortal import Killed, Life, Surroundings
from integration.runner.scripted import Provider, rows
from integration.runner.service import RunTail, Stage

LEASE_SECONDS = 1.5
#: How many runs are killed side by side; more of them would only take each other's time.
SIDE_BY_SIDE = 8


def school() -> Provider:
    """Return a provider with two pages of courses and three of students, one of them bad."""
    provider = Provider({"courses": rows("c", 12), "students": rows("s", 25)})
    provider.streams["students"][3]["bad"] = True
    return provider


@pytest.fixture
async def around(
    mongo_uri: str, database_name: str, producer: Producer, mapping_url: str, tenant: str
) -> AsyncIterator[Surroundings]:
    """What the runners share."""
    collections = [store.RUNS, store.LEASES]
    async with (
        await Database.connect(mongo_uri, database_name, collections=collections) as database,
        Surroundings.client(mapping_url) as http,
    ):
        around = Surroundings(tenant, database, producer, http)
        sweeping = asyncio.create_task(around.sweep())
        yield around
        sweeping.cancel()
        await asyncio.wait([sweeping])


async def live(around: Surroundings, provider: Provider, connection: str, life: Life, ended: asyncio.Task[Run]) -> None:
    """Let one runner work until its life is over or the run has ended."""
    over = asyncio.create_task(life.over.wait())
    try:
        async with around.pool(provider, life, connection, lease_seconds=LEASE_SECONDS) as pool:
            working = asyncio.create_task(pool.run())
            await asyncio.wait({over, ended, working}, return_when=asyncio.FIRST_COMPLETED)
            if life.over.is_set():
                working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    finally:
        over.cancel()


async def killed_at(around: Surroundings, told: RunTail, step: int, *, after: bool) -> tuple[str, Run, bool]:
    """Run a sync whose first runner is killed at a step; return the connection, the run, and whether it was killed."""
    connection = Connection(id=new_uuid(), tenant=around.tenant, provider="SCRIPTED", name="", config={}, version=1)
    provider, run_id = school(), new_id("run")
    await around.order(run_id, connection)
    ended = asyncio.create_task(told.ended(run_id))
    first = Life(end_at=step, after=after)
    await live(around, provider, connection.id, first, ended)
    if not ended.done():
        await live(around, provider, connection.id, Life(), ended)
    return connection.id, await ended, first.over.is_set()


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
async def test_a_runner_killed_at_any_step_leaves_a_run_that_another_brings_to_the_same_end(
    around: Surroundings, told: RunTail, mapping: MappingStandIn, after: bool
) -> None:
    steps = range(1, 23)
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def in_turn(step: int) -> tuple[str, Run, bool]:
        async with turns:
            return await killed_at(around, told, step, after=after)

    outcomes = await asyncio.gather(*map(in_turn, steps))
    for step, (connection, run, _) in zip(steps, outcomes, strict=True):
        assert run.status is RunStatus.SUCCEEDED, f"killed at {step}: {run.error}"
        assert run.counts.add_up
        assert run.counts.source >= 37
        assert mapping.external_ids(connection, "course") == {f"c-{n}" for n in range(12)}, f"killed at {step}"
        assert mapping.external_ids(connection, "student") == {f"s-{n}" for n in range(25) if n != 3}
        assert run.counts.created == 36, f"killed at {step}: {run.counts}"
    assert sum(killed for *_, killed in outcomes) >= 15, "the runs have too few steps to say anything"


async def test_two_runners_never_work_on_one_connection(
    around: Surroundings, told: RunTail, mapping: MappingStandIn
) -> None:
    connection = Connection(id=new_uuid(), tenant=around.tenant, provider="SCRIPTED", name="", config={}, version=1)
    provider, runs = school(), [new_id("run") for _ in range(4)]
    for run_id in runs:
        await around.order(run_id, connection)
    all_ended = asyncio.gather(*(told.ended(run_id) for run_id in runs))
    ended = asyncio.ensure_future(all_ended)
    await asyncio.gather(*(live(around, provider, connection.id, Life(), ended) for _ in range(3)))  # type: ignore[arg-type]
    assert provider.most_open == 1
    assert [run.status for run in await all_ended] == [RunStatus.SUCCEEDED] * 4
    epochs = [batch["epoch"] for batch, _ in mapping.outcomes.values()]
    assert len(set(epochs)) == 4


async def test_a_holder_that_was_overtaken_can_write_nothing_any_more(around: Surroundings) -> None:
    connection = Connection(id=new_uuid(), tenant=around.tenant, provider="SCRIPTED", name="", config={}, version=1)
    run_id, runs, leases = new_id("run"), around.store(), Leases(around.database[store.LEASES])
    await around.order(run_id, connection)
    first = await leases.acquire(connection.id, "first", 0.01)
    assert first is not None
    zombie = await runs.take(run_id, first.epoch)
    assert zombie is not None
    await asyncio.sleep(0.02)
    second = await leases.acquire(connection.id, "second", 10)
    assert second is not None
    assert second.epoch > first.epoch
    assert await runs.take(run_id, second.epoch) is not None
    zombie.state.status = RunStatus.SUCCEEDED
    with pytest.raises(Fenced):
        await runs.save(zombie.state, announce=True)
    assert await runs.take(run_id, first.epoch) is None
    kept = await around.database[store.RUNS].find_one({"_id": run_id})
    assert kept is not None
    assert (kept["status"], kept["epoch"]) == ("queued", second.epoch)


async def test_a_runner_that_loses_its_lease_stops_its_work_at_once(
    around: Surroundings, told: RunTail, mapping: MappingStandIn
) -> None:
    connection = Connection(id=new_uuid(), tenant=around.tenant, provider="SCRIPTED", name="", config={}, version=1)
    provider, run_id = school(), new_id("run")
    provider.hold("courses", 10)
    await around.order(run_id, connection)
    ended = asyncio.create_task(told.ended(run_id))
    living = asyncio.create_task(live(around, provider, connection.id, Life(), ended))
    await provider.reached["courses", 10].wait()
    await around.database[store.LEASES].update_one(
        {"_id": connection.id}, {"$set": {"holder": "somebody else"}, "$inc": {"epoch": 1}}
    )
    async with asyncio.timeout(5):
        await provider.closed.wait()
    del provider.gates["courses", 10]
    run = await ended
    await living
    assert (run.status, run.counts.created) == (RunStatus.SUCCEEDED, 36)


async def test_a_run_that_ends_its_runner_each_time_is_given_up(around: Surroundings, told: RunTail) -> None:
    connection = Connection(id=new_uuid(), tenant=around.tenant, provider="SCRIPTED", name="", config={}, version=1)
    provider, run_id = school(), new_id("run")
    await around.order(run_id, connection)
    await around.database[store.RUNS].update_one({"_id": run_id}, {"$set": {"starts": 10}})
    ended = asyncio.create_task(told.ended(run_id))
    await live(around, provider, connection.id, Life(), ended)
    assert ((await ended).status, (await ended).error_code) == (RunStatus.FAILED, "RUNNER_FAILED")
    assert provider.pages_read == []


async def test_a_stopping_runner_hands_its_run_over_at_once(
    stage: Stage, told: RunTail, mapping: MappingStandIn
) -> None:
    provider = school()
    gate = provider.hold("students", 10)
    stopping = await stage.start(provider, lease_seconds=600.0, drain_seconds=600.0)
    connection = await stage.connect()
    run_id = await stage.command(connection)
    await provider.reached["students", 10].wait()
    await mapping.until(lambda: len(mapping.external_ids(connection.id, "student")) == 9)
    async with asyncio.timeout(60):  # It does not wait for the page that is being read.
        await stage.stop(stopping)
    assert provider.open == 0
    gate.set()
    await stage.start(provider)
    run = await told.ended(run_id)
    assert (run.status, run.counts.created, run.counts.source) == (RunStatus.SUCCEEDED, 36, 37)
    assert provider.pages_read.count(("courses", 0)) == 1


async def test_a_dead_runner_does_nothing_any_more() -> None:
    life = Life(end_at=2, after=True)
    done = []

    async def act() -> None:
        done.append(life.steps)

    await life.step(act)
    for _ in range(3):
        with pytest.raises(Killed):
            await life.step(act)
    assert done == [1, 2]
