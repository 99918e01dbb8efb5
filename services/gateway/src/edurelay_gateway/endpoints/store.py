"""Where endpoints are kept. Each change is one write that also carries what has to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edurelay.events.envelope import Message, now
from edurelay.mongo import CollectionSpec, Database
from edurelay.mongo.outbox import UNSENT_INDEX, pending
from edurelay_gateway.endpoints.announcement import announcement
from edurelay_gateway.endpoints.choosing import ConditionFailures
from edurelay_gateway.endpoints.models import StoredEndpoint
from edurelay_gateway.publication import DELETED_INDEX, carrying
from edurelay_gateway.tenancy import PAGE_INDEX, TenantCollection

ENDPOINTS = CollectionSpec("endpoints", (PAGE_INDEX, UNSENT_INDEX, DELETED_INDEX))

LIVE = {"deleted_at": None}


class EndpointStore:
    """All endpoints; `of` opens the part of one tenant."""

    def __init__(self, database: Database) -> None:
        self.collection = database[ENDPOINTS]

    def of(self, tenant: str) -> TenantEndpoints:
        """Return the endpoints of one tenant."""
        return TenantEndpoints(TenantCollection(self.collection, tenant))

    async def find_published(self, endpoint_id: str) -> StoredEndpoint | None:
        """Return an endpoint that is not deleted, whosever it is: for what of it is public."""
        found = await self.collection.find_one({"_id": endpoint_id, **LIVE})
        return StoredEndpoint.model_validate(found) if found is not None else None


class TenantEndpoints:
    """The endpoints of one tenant. A change is made only if nobody changed the endpoint since it was read."""

    def __init__(self, documents: TenantCollection) -> None:
        self._documents = documents

    async def get(self, endpoint_id: str) -> StoredEndpoint | None:
        """Return an endpoint that is not deleted."""
        found = await self._documents.find(endpoint_id, LIVE)
        return StoredEndpoint.model_validate(found) if found is not None else None

    async def page(self, *, limit: int, after: str | None) -> list[StoredEndpoint]:
        """Return up to `limit` endpoints, the newest first."""
        found = await self._documents.page(LIVE, limit=limit, after=after)
        return [StoredEndpoint.model_validate(document) for document in found]

    async def count(self) -> int:
        """Return how many endpoints there are."""
        return await self._documents.count(LIVE)

    async def insert(self, endpoint: StoredEndpoint) -> None:
        """Insert a new endpoint, which carries its announcement."""
        await self._documents.insert({**endpoint.to_document(), "unsent": pending(announcement(endpoint))})

    async def note_failures(self, endpoint_id: str, failed: ConditionFailures) -> None:
        """Keep that the endpoint's condition failed, if it still has that condition. The dispatcher, which said so, is
        not told of it."""
        last = {"at": failed.at, "reason": failed.reason, "event_id": failed.event_id}
        update = {"$set": {"condition_failed": last}, "$inc": {"condition_failures": failed.count}}
        await self._documents.update(endpoint_id, update, {"condition": failed.condition, **LIVE})

    async def change(
        self, seen: StoredEndpoint, changes: Mapping[str, Any], also: Sequence[Message] = ()
    ) -> StoredEndpoint | None:
        """Change an endpoint as it was `seen`, under the next version; it carries its announcement, and what is `also`
        to be told of the change. Returns None where it is not as it was seen any more."""
        changed = seen.model_copy(update={**changes, "version": seen.version + 1, "updated_at": now()})
        document = changed.to_document()
        fields = {name: document[name] for name in (*changes, "version", "updated_at")}
        as_seen = {"version": seen.version, **LIVE}
        if not await self._documents.update(
            seen.id, {"$set": fields, **carrying([announcement(changed), *also])}, as_seen
        ):
            return None
        found = await self._documents.find(seen.id)
        return StoredEndpoint.model_validate(found) if found is not None else None
