"""A job that fails neither ends the dispatcher nor keeps the others waiting, and is tried again."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from edurelay.events.ids import new_id
from edurelay.mongo import Database, Document
from edurelay.mongo.leases import Leases
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.jobs import Hold, Jobs


async def test_a_job_that_fails_is_tried_again_and_the_others_are_done(mongo_uri: str) -> None:
    attempts: dict[str, int] = defaultdict(int)
    done: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def work(job: Document, hold: Hold) -> bool:
        attempts[job["_id"]] += 1
        if job["_id"] == "a" and attempts["a"] == 1:
            raise ValueError("this one has a fault")
        done[job["_id"]].set()
        return True

    async with await Database.connect(mongo_uri, new_id("test"), collections=store.ALL) as database:
        jobs = Jobs("test", database[store.REPLAYS], Leases(database[store.LEASES]), work)
        for name in ("a", "b"):
            await jobs.add({"_id": name, "tenant": "north"})
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(jobs.run())
            await done["b"].wait()
            await done["a"].wait()
            running.cancel()
    assert attempts == {"a": 2, "b": 1}
