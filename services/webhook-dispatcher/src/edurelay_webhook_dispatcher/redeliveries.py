"""Redeliveries: many deliveries of one endpoint made once more, in steps that a crash may cut anywhere.

Before a step changes anything, the deliveries that it is about stand in the redelivery's document; each delivery
remembers the redelivery that took it along. So a step that is done again takes none of them twice, and counts all.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Collection, Document
from edurelay.mongo.leases import Leases
from edurelay_webhook_dispatcher.jobs import Hold, Jobs
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries

#: How many deliveries a step changes at most.
STEP: Final = 200
#: How long whoever asked waits for the end, in seconds, and how often it is looked for.
WAIT: Final = 2.0
LOOK: Final = 0.02


class Past(Protocol):
    """Where it is found what deliveries that arrived have to bring if they are made once more."""

    async def payload(self, delivery: Document) -> Payload | None:
        """Return what a delivery has to bring; None where its event is gone."""
        ...


class Redeliveries:
    """The redeliveries that were asked for. `wake` is called when deliveries became due.

    A document has `_id`, tenant, endpoint, asked_at, status, event_types, subject, since, until (milliseconds),
    `redelivered` and `skipped` (counts), `before` (the key that it got to), and while a step is under way `step` (keys)
    and `next`.
    """

    def __init__(
        self,
        redeliveries: Collection,
        store: Store,
        leases: Leases,
        past: Past,
        wake: Callable[[], None],
    ) -> None:
        self._redeliveries = redeliveries
        self._jobs = Jobs("redelivery", redeliveries, leases, self._work)
        self._store = store
        self._past = past
        self._wake_retrier = wake

    async def ask(self, tenant: str, wanted: WantedDeliveries) -> Document:
        """Keep a redelivery of what is wanted of the present deliveries to one endpoint, and return how it stands
        when it is done, or after a moment."""
        redelivery_id = f"rdl_{secrets.token_hex(12)}"
        await self._jobs.add(
            {
                "_id": redelivery_id,
                "tenant": tenant,
                "endpoint": wanted.endpoint,
                "asked_at": datetime.now(UTC),
                "status": wanted.status,
                "event_types": list(wanted.events.types),
                "subject": wanted.events.subject,
                "since": wanted.events.since,
                "until": min(wanted.events.until or _now_ms(), _now_ms()),
                "redelivered": 0,
                "skipped": 0,
                "before": None,
            }
        )
        deadline = time.monotonic() + WAIT
        while True:
            await asyncio.sleep(LOOK)
            found: Document = await self._redeliveries.find_one({"_id": redelivery_id}) or {}
            if "open" not in found or time.monotonic() > deadline:
                return found

    async def get(self, tenant: str, endpoint: str, redelivery_id: str) -> Document | None:
        """Return a redelivery."""
        return await self._redeliveries.find_one({"_id": redelivery_id, "tenant": tenant, "endpoint": endpoint})

    async def run(self) -> None:
        """Work off what is open, until cancelled."""
        await self._jobs.run()

    async def _work(self, job: Document, hold: Hold) -> bool:
        """Do one step."""
        repository = Repository(self._store, job["tenant"])
        if "step" not in job:
            found, last = await repository.deliveries(_wanted(job), before=job["before"], limit=STEP)
            job |= {"step": [each["_id"] for each in found], "next": last}
            await self._redeliveries.update_one(
                {"_id": job["_id"]}, {"$set": {"step": job["step"], "next": job["next"]}}
            )
        payloads = await self._payloads(repository, job, hold)
        if payloads is None:
            return False
        made = await repository.redeliver_all(job["step"], job["status"], payloads, job["_id"])
        self._wake_retrier()
        await self._redeliveries.update_one(
            {"_id": job["_id"], "step": {"$exists": True}, "before": job["before"]},
            {
                "$inc": {"redelivered": made, "skipped": len(job["step"]) - made},
                "$set": {"before": job["next"]},
                "$unset": {"step": "", "next": ""},
            },
        )
        return job["next"] is None

    async def _payloads(self, repository: Repository, job: Document, hold: Hold) -> dict[str, Payload] | None:
        """Return what those that arrived have to bring, which only the log has; None where somebody else has the
        job."""
        payloads: dict[str, Payload] = {}
        if job["status"] != DeliveryStatus.DELIVERED:
            return payloads
        for each in await repository.named(job["step"]):
            payload = await self._past.payload(each)
            if payload is not None:
                payloads[each["_id"]] = payload
        return payloads if await hold() else None


def _wanted(job: Document) -> WantedDeliveries:
    events = Wanted(tuple(job["event_types"]), job["subject"], job["since"], job["until"])
    return WantedDeliveries(events, job["endpoint"], job["status"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
