"""One attempt: signed now, sent through the guarded client, its answer read up to a bound."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edurelay.egress.client import EgressClient
from edurelay.egress.errors import EgressError
from edurelay.runtime.tracing import continue_trace
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.work import Work

#: How much of an answer is read, and how much of it is kept for the attempt's history, in bytes.
READ_BYTES = 64 * 1024
KEPT_BYTES = 16 * 1024
#: How much is kept of the answer to a success, which nobody has to find out about, in bytes.
KEPT_OF_SUCCESS = 1024


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt. `at` is Unix time, `seconds` the whole exchange, `status` None without an answer."""

    at: float
    seconds: float
    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    excerpt: str = ""


class Sender:
    """Makes attempts. An endpoint's failure is an `Attempt` like any other, never an exception."""

    def __init__(self, client: EgressClient, *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def attempt(self, endpoint: Endpoint, work: Work) -> Attempt:
        """Send the delivery once."""
        began = time.time()
        url = endpoint.subscription.url
        try:
            headers = endpoint.signed_headers(work.event_id, work.body, began)
            with continue_trace(work.traceparent) as traceparent:
                headers["traceparent"] = traceparent
                answer = await self._client.request(
                    "POST",
                    url,
                    headers=headers,
                    data=work.body,
                    timeout=self._seconds,
                    max_bytes=READ_BYTES,
                )
        except EgressError as error:
            return Attempt(began, time.time() - began, error=str(error))
        success = 200 <= answer.status <= 299
        kept = answer.body[: KEPT_OF_SUCCESS if success else KEPT_BYTES]
        return Attempt(
            began,
            time.time() - began,
            status=answer.status,
            retry_after=answer.headers.get("retry-after"),
            excerpt=kept.decode("utf-8", "replace").replace("\x00", "�"),
        )
