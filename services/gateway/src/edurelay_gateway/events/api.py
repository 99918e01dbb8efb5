"""`/v1/events`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SkipValidation, Tag, TypeAdapter, ValidationError

from edurelay.web.gate import Limits
from edurelay.web.idempotency import HEADER as IDEMPOTENCY_KEY
from edurelay.web.idempotency import fingerprint
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.validation import problem_of_errors
from edurelay_gateway.errors import EventTooLarge
from edurelay_gateway.events.models import (
    MAX_EVENTS,
    BatchOutcome,
    EventAccepted,
    EventOutcome,
    EventPage,
    EventQuery,
    EventView,
    ItemError,
    PublishedEvent,
)
from edurelay_gateway.events.publishing import Prepared, Publisher, prepared
from edurelay_gateway.neighbours.dispatcher import DispatcherService

#: A batch may have a megabyte; two levels are its own, so that an event nests as deep there as by itself.
BODY_LIMITS = Limits(bytes=1024 * 1024, depth=34, nodes=100_000)


class EventBatch(BaseModel):
    """Several events to publish. Each is checked, and accepted or refused, by itself."""

    model_config = ConfigDict(extra="forbid")

    events: list[SkipValidation[PublishedEvent]] = Field(min_length=1, max_length=MAX_EVENTS)


def _form(value: Any) -> str:
    return "batch" if isinstance(value, EventBatch) or (isinstance(value, dict) and "events" in value) else "event"


PublishBody = Annotated[
    Annotated[PublishedEvent, Tag("event")] | Annotated[EventBatch, Tag("batch")], Discriminator(_form)
]

_validate = TypeAdapter(PublishedEvent).validator.validate_python


class EventApi:
    """Publishing events, and looking up where they went."""

    def __init__(self, publisher: Publisher, dispatcher: DispatcherService) -> None:
        self._publisher = publisher
        self._dispatcher = dispatcher

    @operation(
        "POST",
        "/v1/events",
        summary="Publish one event, or a batch",
        tag="events",
        body=PublishBody,
        answers={202: EventAccepted | BatchOutcome},
        limits=BODY_LIMITS,
        idempotent=True,
    )
    async def publish(self, call: Call[PublishedEvent | EventBatch, None]) -> Answer:
        """202 once the log has it on all replicas. The data of an event may have 256 KiB, a batch 1,000 events and
        1 MiB; of a batch, the good events are accepted, and the others say why they are not. Give each event an id, or
        the call an `Idempotency-Key`, to be able to repeat it safely."""
        key = _repetition_key(call)
        if isinstance(call.body, PublishedEvent):
            event = prepared(call.tenant, call.body, key)
            await self._publisher.publish(event)
            return Answer(202, {"id": event.id})
        sorted_out = [_sorted_out(call.tenant, item, key, place) for place, item in enumerate(call.body.events)]
        await self._publisher.publish_all([each for each in sorted_out if isinstance(each, Prepared)])
        return Answer(202, BatchOutcome(data=list(map(_outcome, sorted_out))))

    @operation("GET", "/v1/events", summary="List the events", tag="events", query=EventQuery, answers={200: EventPage})
    async def list_events(self, call: Call[None, EventQuery]) -> Answer:
        """The newest first."""
        return Answer(body=await self._dispatcher.events(call.tenant, call.query))

    @operation("GET", "/v1/events/{event_id}", summary="Show an event", tag="events", answers={200: EventView})
    async def get_event(self, call: Call[None, None]) -> Answer:
        """Its data, and where it went."""
        return Answer(body=await self._dispatcher.event(call.tenant, call.path["event_id"]))


def _repetition_key(call: Call[Any, Any]) -> str | None:
    """Return what is the same only if this very call is repeated, for ids that are the same then. The body is a part
    of it: a key that was forgotten long ago may come again with another event."""
    key = call.request.headers.get(IDEMPOTENCY_KEY)
    return f"{key}\0{fingerprint(call.request, call.raw)}" if key is not None else None


def _sorted_out(tenant: str, item: Any, key: str | None, place: int) -> Prepared | ItemError:
    """Return an event of a batch as it is written, or what is wrong with it."""
    try:
        return prepared(tenant, _validate(item, strict=True), key, place)
    except ValidationError as error:
        problem = problem_of_errors(422, "invalid_request", error, item)
        field = f"events[{place}]" if problem.field == "body" else f"events[{place}].{problem.field}"
        return ItemError(code=problem.code, detail=problem.detail, field=field)
    except EventTooLarge as error:
        return ItemError(code=error.code, detail=str(error), field=f"events[{place}].{error.field}")


def _outcome(sorted_out: Prepared | ItemError) -> EventOutcome:
    return EventOutcome(error=sorted_out) if isinstance(sorted_out, ItemError) else EventOutcome(id=sorted_out.id)
