"""The internal API of streams: reading them, and keeping how far they were read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from edurelay.web.operation import Answer, Call, operation
from edurelay_webhook_dispatcher import views
from edurelay_webhook_dispatcher.asking import ENDPOINT, endpoint_at
from edurelay_webhook_dispatcher.endpoints import Endpoints
from edurelay_webhook_dispatcher.reading import Reading

PLACE = f"{ENDPOINT}/events"
#: How long a reader may wait here, in seconds.
LONGEST_WAIT = 5.0


class StreamQuery(BaseModel):
    """Which part of a stream: what is behind the number `after`, or behind what was committed. Where that is nothing
    yet, it is waited for."""

    after: int | None = Field(default=None, ge=0)
    limit: int = Field(default=100, ge=1, le=100)
    wait: float = Field(default=0.0, ge=0, le=LONGEST_WAIT)


class CommitRequest(BaseModel):
    """The last number that was handled."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(ge=0)


class StreamApi:
    """The operations on streams."""

    def __init__(self, endpoints: Endpoints, reading: Reading) -> None:
        self._endpoints = endpoints
        self._reading = reading

    @operation(
        "GET",
        PLACE,
        summary="Read an endpoint's stream",
        tag="streams",
        auth="internal",
        query=StreamQuery,
        answers={200: views.StreamPage},
    )
    async def read_stream(self, call: Call[None, StreamQuery]) -> Answer:
        """Its events in the order of their numbers, whatever has become of them."""
        query = call.query
        return Answer(
            body=await self._reading.page(endpoint_at(call.path, self._endpoints), query.after, query.limit, query.wait)
        )

    @operation(
        "POST",
        f"{PLACE}/commit",
        summary="Keep how far a stream was handled",
        tag="streams",
        auth="internal",
        body=CommitRequest,
        answers={200: views.Committed},
    )
    async def commit(self, call: Call[CommitRequest, None]) -> Answer:
        """Less than before means that it is read again."""
        return Answer(body=await self._reading.commit(endpoint_at(call.path, self._endpoints), call.body.after))
