"""The internal API: what the gateway asks about events and deliveries, and what it has done to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.mongo import Document
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery, decode_cursor, encode_cursor
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher import views
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.past import PastEvents
from edurelay_webhook_dispatcher.payload import Payload
from edurelay_webhook_dispatcher.probes import TEST_EVENT, trial_delivery
from edurelay_webhook_dispatcher.reading import Reading
from edurelay_webhook_dispatcher.redeliveries import Redeliveries
from edurelay_webhook_dispatcher.replays import Replays
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries

ROOT = "/internal/tenants/{tenant}"

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
        return Wanted((self.type,) if self.type else (), self.subject, _moment(self.since), _moment(self.until))


class DeliveryQuery(EventQuery):
    """Which deliveries."""

    endpoint: str | None = None
    event: str | None = None
    status: Annotated[str | None, Field(pattern="^(pending|delivered|dead_lettered)$")] = None


class RedeliverRequest(BaseModel):
    """Which deliveries of an endpoint are to be made once more."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[str, Field(pattern="^(delivered|dead_lettered)$")] = "dead_lettered"
    event_types: list[str] = Field(default_factory=list)
    subject: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class ReplayRequest(BaseModel):
    """What to replay: the stretch of time in which the log took the events, and which types."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime
    event_types: list[str] = Field(default_factory=list)


class TestRequest(BaseModel):
    """The type of the test event."""

    model_config = ConfigDict(extra="forbid")

    event_type: str = TEST_EVENT
    data: dict[str, Any] | None = None


class Api:
    """The operations. Every one works on the repository of the tenant in its path."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        retrier: Retrier,
        replays: Replays,
        redeliveries: Redeliveries,
        past: PastEvents,
        reading: Reading,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._retrier = retrier
        self._replays = replays
        self._redeliveries = redeliveries
        self._past = past
        self._reading = reading

    @operation(
        "GET",
        f"{ROOT}/events",
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
        f"{ROOT}/events/{{id}}",
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
            raise _missing("event")
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
        f"{ROOT}/deliveries",
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
        f"{ROOT}/deliveries/{{id}}",
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
        f"{ROOT}/deliveries/{{id}}/attempts",
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
        f"{ROOT}/deliveries/{{id}}/redeliver",
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
            raise _missing("delivery")
        self._retrier.wake()
        again = await repository.delivery(key)
        return Answer(202, views.DeliveryView.of(again or delivery))

    @operation(
        "POST",
        f"{ROOT}/deliveries/{{id}}/skip",
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

    @operation(
        "POST",
        f"{ROOT}/endpoints/{{id}}/redeliver",
        summary="Deliver what is chosen of an endpoint's deliveries once more",
        tag="endpoints",
        auth="internal",
        body=RedeliverRequest,
        body_required=False,
        answers={202: views.RedeliveryView},
    )
    async def redeliver_chosen(self, call: Call[RedeliverRequest, None]) -> Answer:
        """All dead letters where nothing is chosen. While the endpoint is disabled they wait."""
        endpoint, asked = self._endpoint(call.path), call.body
        if not endpoint.sent_to:
            detail = "Nothing is sent to this endpoint; read its stream again from an earlier number."
            raise Problem(409, "endpoint_without_url", detail)
        events = Wanted(asked.event_types, asked.subject, _moment(asked.since), _moment(asked.until))
        redelivery = await self._redeliveries.ask(endpoint.tenant, WantedDeliveries(events, endpoint.id, asked.status))
        return Answer(202, views.RedeliveryView.of(redelivery))

    @operation(
        "GET",
        f"{ROOT}/endpoints/{{id}}/redeliveries/{{redelivery}}",
        summary="How far a redelivery is",
        tag="endpoints",
        auth="internal",
        answers={200: views.RedeliveryView},
    )
    async def get_redelivery(self, call: Call[None, None]) -> Answer:
        """Where it stands."""
        path = call.path
        found = await self._redeliveries.get(path["tenant"], path["id"], path["redelivery"])
        if found is None:
            raise _missing("redelivery")
        return Answer(body=views.RedeliveryView.of(found))

    @operation(
        "GET",
        f"{ROOT}/endpoints/{{id}}/ledger",
        summary="How many deliveries of an endpoint stand where",
        tag="endpoints",
        auth="internal",
        answers={200: views.Ledger},
    )
    async def ledger(self, call: Call[None, None]) -> Answer:
        """Counted from the deliveries themselves; where there are none, from the stream."""
        endpoint = self._endpoints.of_tenant(call.path["tenant"], call.path["id"])
        if endpoint is not None and not endpoint.sent_to:
            return Answer(body=await self._reading.ledger(endpoint))
        counted = await self._repository(call.path).ledger(call.path["id"])
        return Answer(body=views.Ledger(**counted))

    @operation(
        "POST",
        f"{ROOT}/endpoints/{{id}}/replay",
        summary="Deliver a stretch of the log to an endpoint",
        tag="endpoints",
        auth="internal",
        body=ReplayRequest,
        answers={202: views.ReplayAsked},
    )
    async def replay(self, call: Call[ReplayRequest, None]) -> Answer:
        """What the endpoint's patterns match, also from before it existed."""
        endpoint, asked = self._endpoint(call.path), call.body
        if asked.until < asked.since:
            raise Problem(422, "invalid_request", "until lies before since", field="until")
        replay_id = await self._replays.ask(
            endpoint.tenant,
            endpoint.id,
            _milliseconds(asked.since),
            _milliseconds(asked.until),
            asked.event_types,
            endpoint.event_types,
        )
        return Answer(202, views.ReplayAsked(replay_id=replay_id))

    @operation(
        "POST",
        f"{ROOT}/endpoints/{{id}}/test",
        summary="Send a test event to one endpoint",
        tag="endpoints",
        auth="internal",
        body=TestRequest,
        answers={202: views.DeliveryView},
    )
    async def test(self, call: Call[TestRequest, None]) -> Answer:
        """The event is made for this endpoint alone and is not published. Where nothing is sent, it goes into the
        stream."""
        endpoint = self._endpoint(call.path)
        document = trial_delivery(endpoint, call.body.event_type, call.body.data)
        if not endpoint.sent_to:
            (number,) = await self._store.add_numbers([document])
            del document["due_at"]
            return Answer(202, views.DeliveryView.of({**document, "sequence": number}))
        await self._store.add_pending([document])
        self._retrier.wake()
        return Answer(202, views.DeliveryView.of(document))

    def _repository(self, path: Mapping[str, str]) -> Repository:
        return Repository(self._store, path["tenant"])

    def _endpoint(self, path: Mapping[str, str]) -> Endpoint:
        endpoint = self._endpoints.of_tenant(path["tenant"], path["id"])
        if endpoint is None:
            raise _missing("endpoint")
        return endpoint

    async def _delivery(self, path: Mapping[str, str]) -> Document:
        key = DeliveryKey.parse(path["tenant"], path["id"])
        found = await self._repository(path).delivery(key) if key is not None else None
        if found is None:
            raise _missing("delivery")
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


def _missing(kind: str) -> Problem:
    return Problem(404, "not_found", f"There is no such {kind}.")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(moment: datetime | None) -> int | None:
    return _milliseconds(moment) if moment is not None else None


def _key(cursor: str | None) -> str | None:
    return str(decode_cursor(cursor, str)[0]) if cursor else None


def _cursor(key: str | None) -> str | None:
    return encode_cursor(key) if key is not None else None
