"""`/v1/endpoints`."""

from __future__ import annotations

from aiohttp import web

from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery
from edurelay_gateway.deliveries.models import (
    Commit,
    Committed,
    Delivery,
    Ledger,
    RedeliverRequest,
    Redelivery,
    ReplayAccepted,
    ReplayRequest,
    StreamPage,
    StreamQuery,
    TestEvent,
)
from edurelay_gateway.endpoints.choosing import ConditionFailures, Conditions, ConditionTrial, ConditionTried
from edurelay_gateway.endpoints.models import (
    EndpointChange,
    EndpointChanged,
    EndpointCreate,
    EndpointCreated,
    EndpointGone,
    EndpointPage,
    EndpointRecovered,
    EndpointSecrets,
    EndpointView,
    SecretRotation,
)
from edurelay_gateway.endpoints.service import Endpoints
from edurelay_gateway.endpoints.streaming import EventStreams, wanted_by
from edurelay_gateway.endpoints.traffic import EndpointTraffic
from edurelay_gateway.pages import after, cut

ONE = "/v1/endpoints/{endpoint_id}"
#: How long a reader of a stream may wait, in seconds.
LONGEST_WAIT = 60.0


class EndpointApi:
    """A tenant's webhook endpoints."""

    def __init__(
        self, endpoints: Endpoints, traffic: EndpointTraffic, streams: EventStreams, conditions: Conditions
    ) -> None:
        self._endpoints = endpoints
        self._traffic = traffic
        self._streams = streams
        self._conditions = conditions

    @operation(
        "POST",
        "/v1/endpoints",
        summary="Make an endpoint",
        tag="endpoints",
        body=EndpointCreate,
        answers={201: EndpointCreated},
        idempotent=True,
    )
    async def create_endpoint(self, call: Call[EndpointCreate, None]) -> Answer:
        """The secret is in the answer; its deliveries are signed with it. Without a URL there are none: its events are
        read from its stream."""
        endpoint, secret, matched = await self._endpoints.create(call.tenant, call.body)
        public_key = endpoint.signing_keys[0].public if endpoint.signing_keys else None
        created = EndpointCreated(
            **endpoint.view().model_dump(), secret=secret, public_key=public_key, example_matched=matched
        )
        return Answer(201, created, {"Location": f"/v1/endpoints/{endpoint.id}"})

    @operation(
        "GET",
        "/v1/endpoints",
        summary="List the endpoints",
        tag="endpoints",
        query=PageQuery,
        answers={200: EndpointPage},
    )
    async def list_endpoints(self, call: Call[None, PageQuery]) -> Answer:
        """The newest first."""
        query = call.query
        page, cursor = cut(
            await self._endpoints.page(call.tenant, limit=query.limit + 1, after=after(query)), query.limit
        )
        return Answer(body=EndpointPage(data=[each.view() for each in page], next_cursor=cursor))

    @operation("GET", ONE, summary="Show an endpoint", tag="endpoints", answers={200: EndpointView})
    async def get_endpoint(self, call: Call[None, None]) -> Answer:
        """One endpoint, without its secret."""
        return Answer(body=(await self._endpoints.get(call.tenant, call.path["endpoint_id"])).view())

    @operation(
        "PATCH", ONE, summary="Change an endpoint", tag="endpoints", body=EndpointChange, answers={200: EndpointChanged}
    )
    async def change_endpoint(self, call: Call[EndpointChange, None]) -> Answer:
        """What is left out stays. In force within a second."""
        endpoint, matched = await self._endpoints.change(call.tenant, call.path["endpoint_id"], call.body)
        return Answer(body=EndpointChanged(**endpoint.view().model_dump(), example_matched=matched))

    @operation(
        "POST",
        "/v1/endpoints/try-condition",
        summary="Try a condition",
        tag="endpoints",
        body=ConditionTrial,
        answers={200: ConditionTried},
        idempotent=True,
    )
    async def try_condition(self, call: Call[ConditionTrial, None]) -> Answer:
        """On an event that is made up; nothing is kept. While several of the tenant's wait for their turn, another is a
        429."""
        return Answer(body=await self._conditions.try_out(call.tenant, call.body.condition, call.body.example))

    @operation("DELETE", ONE, summary="Delete an endpoint", tag="endpoints", answers={204: None})
    async def delete_endpoint(self, call: Call[None, None]) -> Answer:
        """Nothing more is delivered to it."""
        await self._endpoints.delete(call.tenant, call.path["endpoint_id"])
        return Answer(204)

    @operation("GET", f"{ONE}/secret", summary="Show the secret", tag="endpoints", answers={200: EndpointSecrets})
    async def get_secret(self, call: Call[None, None]) -> Answer:
        """And those that still sign beside it since it replaced them; likewise the public keys of Ed25519."""
        return Answer(body=await self._endpoints.secrets(call.tenant, call.path["endpoint_id"]))

    @operation(
        "POST",
        f"{ONE}/rotate-secret",
        summary="Replace the secret",
        tag="endpoints",
        body=SecretRotation,
        body_required=False,
        answers={200: EndpointSecrets},
        idempotent=True,
    )
    async def rotate_secret(self, call: Call[SecretRotation, None]) -> Answer:
        """And the key of Ed25519, where there is one. Until the overlap ends, each delivery is signed with both."""
        body = await self._endpoints.rotate_secret(call.tenant, call.path["endpoint_id"], call.body.overlap_seconds)
        return Answer(body=body)

    @operation(
        "POST",
        f"{ONE}/enable",
        summary="Enable an endpoint",
        tag="endpoints",
        answers={200: EndpointView},
        idempotent=True,
    )
    async def enable_endpoint(self, call: Call[None, None]) -> Answer:
        """Pending deliveries go on. Events from the time when it was disabled come by a replay."""
        return Answer(body=(await self._endpoints.enable(call.tenant, call.path["endpoint_id"])).view())

    @operation(
        "POST",
        f"{ONE}/test",
        summary="Send a test event",
        tag="endpoints",
        body=TestEvent,
        body_required=False,
        answers={202: Delivery},
        idempotent=True,
    )
    async def test_endpoint(self, call: Call[TestEvent, None]) -> Answer:
        """To this endpoint alone."""
        delivery = await self._traffic.test(call.tenant, call.path["endpoint_id"], call.body.event_type)
        return Answer(202, delivery)

    @operation(
        "POST",
        f"{ONE}/replay",
        summary="Deliver events from the log again",
        tag="endpoints",
        body=ReplayRequest,
        answers={202: ReplayAccepted},
        idempotent=True,
    )
    async def replay(self, call: Call[ReplayRequest, None]) -> Answer:
        """Those that the log took within a stretch of time and the endpoint's patterns match."""
        return Answer(202, await self._traffic.replay(call.tenant, call.path["endpoint_id"], call.body))

    @operation(
        "POST",
        f"{ONE}/redeliver",
        summary="Deliver dead letters, or what else is chosen, again",
        tag="endpoints",
        body=RedeliverRequest,
        body_required=False,
        answers={202: Redelivery},
        idempotent=True,
    )
    async def redeliver_chosen(self, call: Call[RedeliverRequest, None]) -> Answer:
        """All dead letters where nothing is chosen; each with a whole schedule before it. What takes longer than two
        seconds goes on after the answer, and can be followed at its `Location`."""
        endpoint_id = call.path["endpoint_id"]
        redelivery = await self._traffic.redeliver(call.tenant, endpoint_id, call.body)
        place = f"/v1/endpoints/{endpoint_id}/redeliveries/{redelivery.redelivery_id}"
        return Answer(202, redelivery, {"Location": place})

    @operation(
        "GET",
        f"{ONE}/redeliveries/{{redelivery_id}}",
        summary="Show how far a redelivery is",
        tag="endpoints",
        answers={200: Redelivery},
    )
    async def get_redelivery(self, call: Call[None, None]) -> Answer:
        """It is kept for 90 days."""
        path = call.path
        return Answer(body=await self._traffic.redelivery(call.tenant, path["endpoint_id"], path["redelivery_id"]))

    @operation(
        "GET",
        f"{ONE}/events",
        summary="Read the stream",
        tag="endpoints",
        query=StreamQuery,
        answers={200: StreamPage},
        waits=True,
        event_stream=True,
    )
    async def read_stream(self, call: Call[None, StreamQuery]) -> Answer | web.StreamResponse:
        """What the endpoint gets, under numbers without a gap, whether or not it has arrived: to fill a gap, or to read
        it all without receiving webhooks. With `Prefer: wait=N` the answer comes once there is something. What was
        deleted for its age is a 410, whose `first` is the first number that is still there."""
        if wanted_by(call.request):
            return await self._streams.serve(call)
        wait = call.wait_seconds(LONGEST_WAIT)
        return Answer(body=await self._traffic.stream(call.tenant, call.path["endpoint_id"], call.query, wait))

    @operation(
        "POST",
        f"{ONE}/events/commit",
        summary="Commit what was read",
        tag="endpoints",
        body=Commit,
        answers={200: Committed},
        idempotent=True,
    )
    async def commit_stream(self, call: Call[Commit, None]) -> Answer:
        """From then on the stream is read behind that number, where nothing else is said."""
        return Answer(body=await self._traffic.commit(call.tenant, call.path["endpoint_id"], call.body))

    @operation("GET", f"{ONE}/ledger", summary="Show the ledger", tag="endpoints", answers={200: Ledger})
    async def get_ledger(self, call: Call[None, None]) -> Answer:
        """matched = delivered + pending + dead_lettered, always. Without a URL, what was committed counts as
        delivered."""
        return Answer(body=await self._traffic.ledger(call.tenant, call.path["endpoint_id"]))


class InternalEndpointApi:
    """What the dispatcher tells the gateway, which owns the endpoints."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    @operation(
        "POST",
        "/internal/tenants/{tenant_id}/endpoints/{endpoint_id}/disable",
        summary="Disable an endpoint that wants nothing any more",
        tag="internal",
        auth="internal",
        body=EndpointGone,
        answers={204: None},
    )
    async def disable_gone(self, call: Call[EndpointGone, None]) -> Answer:
        """Its receiver said so, or nothing has arrived there for days."""
        await self._endpoints.disable_gone(call.path["tenant_id"], call.path["endpoint_id"], call.body)
        return Answer(204)

    @operation(
        "POST",
        "/internal/tenants/{tenant_id}/endpoints/{endpoint_id}/recovered",
        summary="Enable an endpoint that was disabled for failing",
        tag="internal",
        auth="internal",
        body=EndpointRecovered,
        answers={204: None},
    )
    async def enable_recovered(self, call: Call[EndpointRecovered, None]) -> Answer:
        """A delivery that tried it out has arrived."""
        await self._endpoints.enable_recovered(call.path["tenant_id"], call.path["endpoint_id"], call.body.version)
        return Answer(204)

    @operation(
        "POST",
        "/internal/tenants/{tenant_id}/endpoints/{endpoint_id}/condition-failures",
        summary="Take note that an endpoint's condition fails",
        tag="internal",
        auth="internal",
        body=ConditionFailures,
        answers={204: None},
    )
    async def note_condition_failures(self, call: Call[ConditionFailures, None]) -> Answer:
        """It is shown with the endpoint."""
        await self._endpoints.note_failures(call.path["tenant_id"], call.path["endpoint_id"], call.body)
        return Answer(204)
