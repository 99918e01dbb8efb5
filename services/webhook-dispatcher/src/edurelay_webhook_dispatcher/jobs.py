"""Work that was asked for and takes its time: kept until it is done, by one dispatcher at a time, whichever dies."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from edurelay.mongo import Collection, Document
from edurelay.mongo.leases import Leases
from edurelay.runtime.logging import get_logger
from edurelay_webhook_dispatcher.patience import AWAY

POLL = 5.0
LEASE_SECONDS = 60.0

#: Holds the job for another while; False where somebody else has it now.
Hold: TypeAlias = Callable[[], Awaitable[bool]]

_log = get_logger(__name__)


class NotHere(Exception):
    """This dispatcher cannot do the job, but another one may; the message says why."""


class Jobs:
    """The jobs of one kind, one document each; `open` stands in those that are not done. `work` does a job, or a part
    of it, and tells whether it is done; it may be called again for what was done already."""

    def __init__(
        self, kind: str, jobs: Collection, leases: Leases, work: Callable[[Document, Hold], Awaitable[bool]]
    ) -> None:
        self._kind = kind
        self._jobs = jobs
        self._leases = leases
        self._work = work
        self._asked = asyncio.Event()
        self._holder = secrets.token_hex(8)

    async def add(self, job: Document) -> None:
        """Keep a job, and begin with it soon."""
        await self._jobs.insert_one({**job, "open": True})
        self._asked.set()

    async def run(self) -> None:
        """Work off what is open, a part of each in turn, until cancelled."""
        while True:
            more = False
            try:
                for job in await self._jobs.find({"open": True}).to_list(None):
                    more = await self._attempt(job["_id"]) or more
            except AWAY as error:
                _log.warning("a job was broken off, trying again", kind=self._kind, reason=str(error))
            if not more:
                try:
                    async with asyncio.timeout(POLL):
                        await self._asked.wait()
                except TimeoutError:
                    pass
                self._asked.clear()

    async def _attempt(self, job_id: str) -> bool:
        """Do a part of a job; True where more of it is left for us. A fault in one job must not end the dispatcher,
        nor keep the others waiting: whoever takes the job next would fall over it too."""
        try:
            return await self._turn(job_id)
        except AWAY:
            raise
        except NotHere as reason:
            _log.warning("a job is left to others", kind=self._kind, job=job_id, reason=str(reason))
            return False
        except Exception:
            _log.exception("a job failed, trying again later", kind=self._kind, job=job_id)
            return False

    async def _turn(self, job_id: str) -> bool:
        """Do a part of a job; True where more of it is left for us."""
        lease = await self._leases.acquire(f"{self._kind}/{job_id}", self._holder, LEASE_SECONDS)
        if lease is None:
            return False

        async def hold() -> bool:
            return await self._leases.renew(lease, LEASE_SECONDS)

        try:
            job = await self._jobs.find_one({"_id": job_id, "open": True})
            if job is None:
                return False
            if not await self._work(job, hold):
                return await hold()
            await self._jobs.update_one({"_id": job_id}, {"$unset": {"open": ""}})
            return False
        finally:
            await self._leases.release(lease)
