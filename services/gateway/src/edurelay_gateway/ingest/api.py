"""`/in/{connection_id}/{secret}`: where providers send their webhooks."""

from __future__ import annotations

from pydantic import BaseModel

from edurelay.web.gate import Limits
from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.ingest.service import MAX_BODY, Ingest


class WebhookAccepted(BaseModel):
    """The webhook is in the log; a repetition of it gets the same id."""

    id: str


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
        answers={202: WebhookAccepted},
    )
    async def take_webhook(self, call: Call[None, None]) -> Answer:
        """Any body of up to 1 MiB, not compressed. 202 once the log has it on all replicas; it is processed later."""
        connection = await self._ingest.addressee(call.path["connection_id"], call.path["secret"])
        webhook_id = await self._ingest.take(connection, call.request.headers.items(), call.raw)
        return Answer(202, WebhookAccepted(id=webhook_id))
