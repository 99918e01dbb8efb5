"""`/in/{connection_id}/{secret}`: where providers send their webhooks."""

from __future__ import annotations

from pydantic import BaseModel

from edurelay.web.gate import Limits
from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.ingest.addressees import Inbound
from edurelay_gateway.ingest.service import Challenge, Ingest

MAX_BODY = 1024 * 1024


class WebhookAccepted(BaseModel):
    """The webhook is in the log; a repetition of it gets the same id."""

    id: str


class WebhookChallenge(BaseModel):
    """What the provider sent to see whether somebody is here; nothing was written."""

    challenge: str


class IngestApi:
    """Taking in webhooks."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    @operation(
        "POST",
        "/in/{connection_id}/{secret}",
        summary="Take in a provider's webhook",
        tag="ingest",
        auth="none",
        raw_body=True,
        limits=Limits(bytes=MAX_BODY),
        answers={200: WebhookChallenge, 202: WebhookAccepted},
    )
    async def take_webhook(self, call: Call[None, None]) -> Answer:
        """Any body of up to 1 MiB, not compressed. 202 once the log has it on all replicas; it is processed later. 401
        where the connection asks for a signature and this is none of its own. Answered within a second."""
        request = call.request
        query = request.rel_url.raw_query_string
        inbound = Inbound(call.path["connection_id"], call.path["secret"], query, request.headers, call.raw)
        taken = await self._ingest.take(inbound)
        if isinstance(taken, Challenge):
            return Answer(200, WebhookChallenge(challenge=taken.text))
        return Answer(202, WebhookAccepted(id=taken))
