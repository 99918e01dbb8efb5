"""What one tenant may see and change of events and deliveries. Every query starts at the tenant's own keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import DESCENDING, Document, UpdateOne
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.history import attempts_made
from edurelay_webhook_dispatcher.index import Entry
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin, replay_origin
from edurelay_webhook_dispatcher.ledgers import FORGOTTEN_BY
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.store import SKIPPED, Store
from edurelay_webhook_dispatcher.wanted import EXAMINED, Wanted, WantedDeliveries

#: How many deliveries are looked at first, at least; where too few of them are wanted, all the others that may be are
#: looked at together, since each look is a scan for an embedded store.
LEAST = 100
#: How long a delivery that is to be made again may take to be written, in seconds, before the retrier sees it.
UNTIL_WRITTEN = 60.0

#: What a list shows of a delivery: not its body, and of its attempts their numbers.
SHOWN: Final = dict.fromkeys(
    (
        "endpoint",
        "event_id",
        "type",
        "subject",
        "sequence",
        "body_format",
        "status",
        "reason",
        "updated",
        "due_at",
        "parked",
        "attempts.n",
    ),
    1,
)

_OPEN = (DeliveryStatus.PENDING.value, DeliveryStatus.DEAD_LETTERED.value)


class Repository:
    """One tenant's events and deliveries."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._deliveries = store.deliveries
        self.tenant = tenant

    async def event(self, event_id: str) -> Entry | None:
        """Return an event's index entry."""
        return (await self._store.events.find(self.tenant, [event_id])).get(event_id)

    async def events(self, wanted: Wanted, *, before: str | None, limit: int) -> tuple[list[Entry], str | None]:
        """Return index entries, newest first, from behind the key `before`, and the key to go on behind."""
        return await self._store.events.page(self.tenant, wanted, before=before, limit=limit)

    async def delivery(self, key: DeliveryKey) -> Document | None:
        """Return a delivery."""
        return await self._deliveries.find_one({"_id": key.stored})

    async def deliveries(
        self, wanted: WantedDeliveries, *, before: str | None, limit: int, examined: int = EXAMINED
    ) -> tuple[list[Document], str | None]:
        """Return deliveries, newest first within each endpoint, from behind the key `before`, and the key to go on
        behind, None where there is nothing more. After `examined` deliveries a page ends, however few of them are
        wanted."""
        found: list[Document] = []
        size = max(limit, LEAST)
        while True:
            size = min(size, examined)
            batch, last = await self._looked_at(wanted, before, size)
            for each in batch:
                if not wanted.takes(each):
                    last = min(last, wanted.behind(each["_id"])) if last is not None else None
                    continue
                found.append(each)
                if len(found) == limit:
                    return found, each["_id"]
            examined -= size
            if last is None or examined <= 0:
                return found, last
            before, size = last, examined

    async def _looked_at(
        self, wanted: WantedDeliveries, before: str | None, size: int
    ) -> tuple[list[Document], str | None]:
        """Return the next deliveries, and the key of the last one looked at; None where there is nothing behind it."""
        keys = wanted.keys(self.tenant, before)
        if wanted.status not in _OPEN:
            found = await self._deliveries.find({"_id": keys}, SHOWN).sort("_id", DESCENDING).limit(size).to_list(size)
            names = [each["_id"] for each in found]
        else:
            status = DeliveryStatus(wanted.status)
            names = await self._store.backlog.page(status, keys=keys, endpoint=wanted.endpoint, limit=size)
            found = await self.named(names)
        return found, names[-1] if len(names) == size else None

    async def deliveries_of(self, event: Entry) -> list[Document]:
        """Return the deliveries of one event, replayed ones included, the newest key first."""
        first = [DeliveryKey(self.tenant, each, event.moment, event_origin(*event.position)) for each in event.to]
        replays = self._store.replays.find(
            {"tenant": self.tenant, "since": {"$lte": event.moment}, "until": {"$gt": event.moment}}, {"endpoint": 1}
        )
        replayed = [
            DeliveryKey(self.tenant, each["endpoint"], event.moment, replay_origin(each["_id"], *event.position))
            async for each in replays
        ]
        return await self.named([key.stored for key in (*first, *replayed)])

    async def whole(self, names: Sequence[str]) -> dict[str, Document]:
        """Return those of these deliveries that are there, by primary key, with their bodies."""
        own = [name for name in names if name.startswith(f"{self.tenant}/")]
        if not own:
            return {}
        return {each["_id"]: each async for each in self._deliveries.find({"_id": {"$in": own}})}

    async def named(self, names: Sequence[str]) -> list[Document]:
        """Return those of these deliveries that are there, the newest key first, as a list shows them."""
        if not names:
            return []
        return await self._deliveries.find({"_id": {"$in": list(names)}}, SHOWN).sort("_id", DESCENDING).to_list(None)

    async def ledger(self, endpoint: str) -> dict[str, int]:
        """Return how many deliveries of an endpoint stand where; those that were deleted for their age count on."""
        counted = await self._store.ledgers.count(self.tenant, endpoint)
        return {"matched": sum(counted.values()), **counted}

    async def skip(self, key: DeliveryKey) -> bool:
        """Give up a delivery that is pending, or a dead letter for which others wait; False where it is neither."""
        open_ones: list[Document] = [
            {"status": DeliveryStatus.PENDING.value},
            {"status": DeliveryStatus.DEAD_LETTERED.value, "parked": True},
        ]
        given_up: Document = {
            "$set": {
                "status": DeliveryStatus.DEAD_LETTERED.value,
                "reason": "skipped on request",
                "updated": clock.now(),
                SKIPPED: True,
            },
            "$unset": {"due_at": "", "parked": ""},
        }
        result = await self._deliveries.update_one({"_id": key.stored, FORGOTTEN_BY: None, "$or": open_ones}, given_up)
        if result.modified_count == 0:
            return False
        await self._store.backlog.give_up(key.stored)
        return True

    async def redeliver(self, delivery: Document, payload: Payload | None) -> bool:
        """Make a delivery due now, with its whole schedule before it and `payload` where it has none; False where it
        was deleted for its age meanwhile."""
        return await self._redeliver({delivery["_id"]: _redelivery(delivery, payload, {})}) > 0

    async def redeliver_all(self, names: Sequence[str], status: str, payloads: Mapping[str, Payload], job: str) -> int:
        """Make those of these deliveries due now that still have a status, and of which there is a payload if they need
        one; return how many of them `job` has made due. The same once more changes nothing."""
        unchanged = {"status": status, "redelivered_by": {"$ne": job}}
        changes = {
            each["_id"]: _redelivery(each, payloads.get(each["_id"]), unchanged, redelivered_by=job)
            for each in await self.named(names)
            if each["status"] == status and (each["_id"] in payloads or status in _OPEN)
        }
        if changes:
            await self._redeliver(changes)
        made = {"_id": {"$in": list(names)}, "redelivered_by": job}
        return len(await self._deliveries.find(made, {"_id": 1}).to_list(None))

    async def _redeliver(self, changes: Mapping[str, UpdateOne]) -> int:
        # Found before its document says so, an entry would be taken for one too many.
        await self._store.backlog.add(dict.fromkeys(changes, clock.now() + UNTIL_WRITTEN))
        result = await self._deliveries.bulk_write(list(changes.values()), ordered=False)
        await self._store.backlog.add(dict.fromkeys(changes, clock.now()))
        if result.modified_count < len(changes):
            present = {"_id": {"$in": list(changes)}, FORGOTTEN_BY: None}
            there = {each["_id"] async for each in self._deliveries.find(present, {"_id": 1})}
            await self._store.backlog.end(changes.keys() - there, [])
        return result.modified_count


def _redelivery(delivery: Document, payload: Payload | None, only: Document, **marks: str) -> UpdateOne:
    fields: Document = {
        "status": DeliveryStatus.PENDING.value,
        "due_at": clock.now(),
        "updated": clock.now(),
        "forgiven": attempts_made(delivery["attempts"]),
        **marks,
    }
    gone = {"reason": "", "parked": "", SKIPPED: ""}
    if payload is not None:
        fields["body"] = payload.body
        if payload.ids is not None:
            fields["ids"] = payload.ids
        else:
            gone["ids"] = ""
    unmarked = {"_id": delivery["_id"], FORGOTTEN_BY: None}
    return UpdateOne(unmarked | only, {"$set": fields, "$unset": gone})
