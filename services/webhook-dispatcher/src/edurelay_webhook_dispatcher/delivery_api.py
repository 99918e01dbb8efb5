"""The internal API of events and deliveries: what the gateway asks about them, and what it has done to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import orjson
from pydantic import AwareDatetime, Field

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery, decode_cursor, encode_cursor
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher import views
from edurelay_webhook_dispatcher.asking import TENANT, missing, moment_of
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.past import PastEvents
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries

_WHY_NOT_SKIPPED = {
    DeliveryStatus.DELIVERED: "The delivery has arrived; there is nothing left to skip.",
    DeliveryStatus.DEAD_LETTERED: "The delivery is a dead letter already, and nothing waits for it.",
    DeliveryStatus.PENDING: "The delivery was made due again at this moment.",
}


class EventQuery(PageQuery):
    """Which events: of a type (or a pattern of types), about a subject, that the log took within a stretch of time."""

    type: str | None = None
    subject: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def wanted(self) -> Wanted:
        """Return what is asked for."""
        return Wanted(
            (self.type,) if self.type else (),
            self.subject,
            moment_of(self.since),
            moment_of(self.until),
        )


class DeliveryQuery(EventQuery):
    """Which deliveries."""

    endpoint: str | None = None
    event: str | None = None
    status: Annotated[str | None, Field(pattern="^(pending|delivered|dead_lettered)$")] = None


class DeliveryApi:
    """The operations. Every one works on the repository of the tenant in its path."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        retrier: Retrier,
        past: PastEvents,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._retrier = retrier
        self._past = past

    @operation(
        "GET",
        f"{TENANT}/events",
        summary="List published events",
        tag="events",
        auth="internal",
        query=EventQuery,
        answers={200: views.EventPage},
    )
    async def list_events(self, call: Call[None, EventQuery]) -> Answer:
        """Newest first."""
        query = call.query
        found, last = await self._repository(call.path).events(
            query.wanted(), before=_key(query.cursor), limit=query.limit
        )
        return Answer(body=views.EventPage(data=list(map(views.EventView.of, found)), next_cursor=_cursor(last)))

    @operation(
        "GET",
        f"{TENANT}/events/{{id}}",
        summary="One event, its data and where it went",
        tag="events",
        auth="internal",
        answers={200: views.EventDetail},
    )
    async def get_event(self, call: Call[None, None]) -> Answer:
        """The data is read from the log."""
        repository = self._repository(call.path)
        entry = await repository.event(call.path["id"])
        if entry is None:
            raise missing("event")
        event = await self._past.event(*entry.position, call.path["id"])
        deliveries = await repository.deliveries_of(entry)
        shown = [
            views.DeliveryOfEvent(id=each.id, endpoint_id=each.endpoint_id, status=each.status, attempts=each.attempts)
            for each in map(views.DeliveryView.of, deliveries)
        ]
        detail = views.EventDetail(
            **views.EventView.of(entry).model_dump(),
            data=orjson.loads(event.data) if event is not None else None,
            data_available=event is not None,
            deliveries=shown,
        )
        return Answer(body=detail)

    @operation(
        "GET",
        f"{TENANT}/deliveries",
        summary="List deliveries",
        tag="deliveries",
        auth="internal",
        query=DeliveryQuery,
        answers={200: views.DeliveryPage},
    )
    async def list_deliveries(self, call: Call[None, DeliveryQuery]) -> Answer:
        """Newest first within each endpoint."""
        query, repository = call.query, self._repository(call.path)
        wanted = WantedDeliveries(query.wanted(), query.endpoint, query.status)
        before = _key(query.cursor)
        if query.event is not None:
            entry = await repository.event(query.event)
            every = await repository.deliveries_of(entry) if entry is not None else []
            found = [each for each in every if wanted.takes(each) and (before is None or each["_id"] < before)]
            last = found[query.limit - 1]["_id"] if len(found) > query.limit else None
            found = found[: query.limit]
        else:
            found, last = await repository.deliveries(wanted, before=before, limit=query.limit)
        page = views.DeliveryPage(data=list(map(views.DeliveryView.of, found)), next_cursor=_cursor(last))
        return Answer(body=page)

    @operation(
        "GET",
        f"{TENANT}/deliveries/{{id}}",
        summary="One delivery",
        tag="deliveries",
        auth="internal",
        answers={200: views.DeliveryView},
    )
    async def get_delivery(self, call: Call[None, None]) -> Answer:
        """Where it stands."""
        return Answer(body=views.DeliveryView.of(await self._delivery(call.path)))

    @operation(
        "GET",
        f"{TENANT}/deliveries/{{id}}/attempts",
        summary="The attempts of a delivery",
        tag="deliveries",
        auth="internal",
        answers={200: views.AttemptPage},
    )
    async def list_attempts(self, call: Call[None, None]) -> Answer:
        """First to last."""
        delivery = await self._delivery(call.path)
        return Answer(body=views.AttemptPage(data=list(map(views.AttemptView.of, delivery["attempts"]))))

    @operation(
        "POST",
        f"{TENANT}/deliveries/{{id}}/redeliver",
        summary="Deliver once more",
        tag="deliveries",
        auth="internal",
        answers={202: views.DeliveryView},
    )
    async def redeliver(self, call: Call[None, None]) -> Answer:
        """Under the same id, with a whole schedule before it. One that is open keeps its bytes; one that arrived has
        what the endpoint may see now."""
        delivery = await self._delivery(call.path)
        key = DeliveryKey.from_stored(delivery["_id"])
        repository = self._repository(call.path)
        payload = None if "body" in delivery else await self._payload(delivery)
        if not await repository.redeliver(delivery, payload):
            raise missing("delivery")
        self._retrier.wake()
        again = await repository.delivery(key)
        return Answer(202, views.DeliveryView.of(again or delivery))

    @operation(
        "POST",
        f"{TENANT}/deliveries/{{id}}/skip",
        summary="Give a delivery up",
        tag="deliveries",
        auth="internal",
        answers={200: views.DeliveryView},
    )
    async def skip(self, call: Call[None, None]) -> Answer:
        """One that is pending, or for which others of its subject wait: these go on."""
        key = DeliveryKey.from_stored((await self._delivery(call.path))["_id"])
        skipped = await self._repository(call.path).skip(key)
        delivery = await self._delivery(call.path)
        if not skipped:
            raise Problem(409, "nothing_to_skip", _WHY_NOT_SKIPPED[DeliveryStatus(delivery["status"])])
        self._retrier.wake()
        return Answer(body=views.DeliveryView.of(delivery))

    def _repository(self, path: Mapping[str, str]) -> Repository:
        return Repository(self._store, path["tenant"])

    async def _delivery(self, path: Mapping[str, str]) -> Document:
        key = DeliveryKey.parse(path["tenant"], path["id"])
        found = await self._repository(path).delivery(key) if key is not None else None
        if found is None:
            raise missing("delivery")
        return found

    async def _payload(self, delivery: Document) -> Payload:
        """Return what is to be delivered once more of a delivery that arrived."""
        if self._endpoints.get(DeliveryKey.from_stored(delivery["_id"]).endpoint) is None:
            raise Problem(409, "endpoint_deleted", "The endpoint was deleted; nothing can be delivered to it.")
        payload = await self._past.payload(delivery)
        if payload is None:
            detail = "The log no longer has this event, so it cannot be delivered again; publish it anew."
            raise Problem(410, "payload_gone", detail)
        return payload


def _key(cursor: str | None) -> str | None:
    return str(decode_cursor(cursor, str)[0]) if cursor else None


def _cursor(key: str | None) -> str | None:
    return encode_cursor(key) if key is not None else None
