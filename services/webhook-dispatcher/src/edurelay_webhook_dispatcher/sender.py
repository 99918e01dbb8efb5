"""One attempt: signed now, sent through the guarded client, its answer read up to a bound."""

from __future__ import annotations

import time

from edurelay.egress.client import EgressClient
from edurelay.egress.errors import EgressError, EgressTimeout
from edurelay.runtime.tracing import continue_trace
from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.history import GOT_BYTES, GOT_BYTES_OF_SUCCESS, shown_of_answer, shown_of_request
from edurelay_webhook_dispatcher.work import Work

#: How much of an answer is read, and how much of it is kept for the attempt's history, in bytes.
READ_BYTES = 64 * 1024
KEPT_BYTES = 16 * 1024
#: How much is kept of the answer to a success, which nobody has to find out about, in bytes.
KEPT_OF_SUCCESS = 1024


class Sender:
    """Makes attempts. An endpoint's failure is an `Attempt` like any other, never an exception."""

    def __init__(self, client: EgressClient, *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def attempt(self, endpoint: Endpoint, work: Work) -> Attempt:
        """Send the delivery once."""
        began = time.time()
        url = endpoint.subscription.url
        headers: dict[str, str] = {}
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
                    repeatable=True,
                )
        except EgressError as error:
            timed_out = isinstance(error, EgressTimeout)
            return Attempt(
                began,
                time.time() - began,
                error=str(error),
                timed_out=timed_out,
                sent=shown_of_request(headers),
                phases=error.phases,
            )
        success = 200 <= answer.status <= 299
        kept = answer.body[: KEPT_OF_SUCCESS if success else KEPT_BYTES]
        return Attempt(
            began,
            time.time() - began,
            status=answer.status,
            retry_after=answer.headers.get("retry-after"),
            wish=answer.headers.get("webhook-delivery"),
            excerpt=kept.decode("utf-8", "replace").replace("\x00", "�"),
            sent=shown_of_request(headers),
            got=shown_of_answer(answer.headers, GOT_BYTES_OF_SUCCESS if success else GOT_BYTES),
            phases=answer.phases,
        )
