"""Deliveries in a real store, written as the dispatcher writes them, for tests that look back at them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from edurelay.events.envelope import unix_timestamp
from edurelay.events.ids import new_event_id
from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Database, Document
from edurelay_webhook_dispatcher import store
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.store import Store

TENANT = "north"
START = 1_700_000_000_000


@dataclass
class Archive:
    """A store with its database."""

    database: Database
    kept: Store

    def of(self, tenant: str = TENANT) -> Repository:
        """Return what one tenant sees."""
        return Repository(self.kept, tenant)

    async def put(
        self,
        status: DeliveryStatus,
        number: int,
        *,
        endpoint: str = "ep",
        tenant: str = TENANT,
        updated: float | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> Document:
        """Write a delivery of the event that the log took `number` milliseconds from the start."""
        key = DeliveryKey(tenant, endpoint, START + number, event_origin(0, number))
        document: Document = {
            "_id": key.stored,
            "endpoint": endpoint,
            "event_id": new_event_id(),
            "type": "a.b",
            "status": status.value,
            "attempts": [{"n": 1, "at": unix_timestamp(0), "ms": 1.0}],
            "updated": time.time() if updated is None else updated,
            **(fields or {}),
        }
        if status is not DeliveryStatus.DELIVERED:
            document |= {"body": b"{}", "due_at": time.time()}
            await self.kept.backlog.add({key.stored: time.time()})
        if status is DeliveryStatus.DEAD_LETTERED:
            del document["due_at"]
            await self.kept.backlog.end([], [key.stored])
        await self.kept.deliveries.insert_one(document)
        return document


@asynccontextmanager
async def archive(uri: str, name: str) -> AsyncIterator[Archive]:
    """Open a store for as long as the context lasts."""
    async with await Database.connect(uri, name, collections=store.ALL) as database:
        yield Archive(database, Store.of(database))
