"""The internal API of endpoints: what is brought to one once more, and how its deliveries stand."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edurelay.web.operation import Answer, Call, operation
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher import views
from edurelay_webhook_dispatcher.asking import ENDPOINT, endpoint_at, milliseconds, missing, moment_of
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.probes import TEST_EVENT, trial_delivery
from edurelay_webhook_dispatcher.reading import Reading
from edurelay_webhook_dispatcher.redeliveries import Redeliveries
from edurelay_webhook_dispatcher.replays import Replays
from edurelay_webhook_dispatcher.repository import Repository
from edurelay_webhook_dispatcher.retrier import Retrier
from edurelay_webhook_dispatcher.store import Store
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries


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


class EndpointApi:
    """The operations on endpoints."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        retrier: Retrier,
        replays: Replays,
        redeliveries: Redeliveries,
        reading: Reading,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._retrier = retrier
        self._replays = replays
        self._redeliveries = redeliveries
        self._reading = reading

    @operation(
        "POST",
        f"{ENDPOINT}/redeliver",
        summary="Deliver what is chosen of an endpoint's deliveries once more",
        tag="endpoints",
        auth="internal",
        body=RedeliverRequest,
        body_required=False,
        answers={202: views.RedeliveryView},
    )
    async def redeliver_chosen(self, call: Call[RedeliverRequest, None]) -> Answer:
        """All dead letters where nothing is chosen. While the endpoint is disabled they wait."""
        endpoint, asked = endpoint_at(call.path, self._endpoints), call.body
        if not endpoint.sent_to:
            detail = "Nothing is sent to this endpoint; read its stream again from an earlier number."
            raise Problem(409, "endpoint_without_url", detail)
        events = Wanted(asked.event_types, asked.subject, moment_of(asked.since), moment_of(asked.until))
        redelivery = await self._redeliveries.ask(endpoint.tenant, WantedDeliveries(events, endpoint.id, asked.status))
        return Answer(202, views.RedeliveryView.of(redelivery))

    @operation(
        "GET",
        f"{ENDPOINT}/redeliveries/{{redelivery}}",
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
            raise missing("redelivery")
        return Answer(body=views.RedeliveryView.of(found))

    @operation(
        "GET",
        f"{ENDPOINT}/ledger",
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
        counted = await Repository(self._store, call.path["tenant"]).ledger(call.path["id"])
        return Answer(body=views.Ledger(**counted))

    @operation(
        "POST",
        f"{ENDPOINT}/replay",
        summary="Deliver a stretch of the log to an endpoint",
        tag="endpoints",
        auth="internal",
        body=ReplayRequest,
        answers={202: views.ReplayAsked},
    )
    async def replay(self, call: Call[ReplayRequest, None]) -> Answer:
        """What the endpoint's patterns match, also from before it existed."""
        endpoint, asked = endpoint_at(call.path, self._endpoints), call.body
        if asked.until < asked.since:
            raise Problem(422, "invalid_request", "until lies before since", field="until")
        replay_id = await self._replays.ask(
            endpoint.tenant,
            endpoint.id,
            milliseconds(asked.since),
            milliseconds(asked.until),
            asked.event_types,
            endpoint.event_types,
        )
        return Answer(202, views.ReplayAsked(replay_id=replay_id))

    @operation(
        "POST",
        f"{ENDPOINT}/test",
        summary="Send a test event to one endpoint",
        tag="endpoints",
        auth="internal",
        body=TestRequest,
        answers={202: views.DeliveryView},
    )
    async def test(self, call: Call[TestRequest, None]) -> Answer:
        """The event is made for this endpoint alone and is not published. Where nothing is sent, it goes into the
        stream."""
        endpoint = endpoint_at(call.path, self._endpoints)
        document = trial_delivery(endpoint, call.body.event_type, call.body.data)
        if not endpoint.sent_to:
            (number,) = await self._store.add_numbers([document])
            del document["due_at"]
            return Answer(202, views.DeliveryView.of({**document, "sequence": number}))
        await self._store.add_pending([document])
        self._retrier.wake()
        return Answer(202, views.DeliveryView.of(document))
