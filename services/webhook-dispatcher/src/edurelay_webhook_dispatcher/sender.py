"""One attempt: signed now, with what the receiver asks of its sender, sent through the guarded client, its answer read
up to a bound."""

from __future__ import annotations

import time
from dataclasses import replace

from edurelay.egress.certificates import CertificateRefused
from edurelay.egress.client import EgressAnswer, EgressClient
from edurelay.egress.errors import EgressError, EgressTimeout
from edurelay.runtime.tracing import continue_trace
from edurelay_webhook_dispatcher import clock
from edurelay_webhook_dispatcher.attempts import Attempt, is_success
from edurelay_webhook_dispatcher.credentials import Proof
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.history import GOT_BYTES, GOT_BYTES_OF_SUCCESS, shown_of_answer, shown_of_request
from edurelay_webhook_dispatcher.tokens import TokenUnavailable
from edurelay_webhook_dispatcher.work import Work

#: How much of an answer is read, and how much of it is kept for the attempt's history, in bytes.
READ_BYTES = 64 * 1024
KEPT_BYTES = 16 * 1024
#: How much is kept of the answer to a success, which nobody has to find out about, in bytes.
KEPT_OF_SUCCESS = 1024
#: What arrives at its first attempt within this time, in seconds, as nearly all does, has neither headers nor phases
#: kept: they would double its document.
SLOW = 1.0


class Sender:
    """Makes attempts. An endpoint's failure is an `Attempt` like any other, never an exception."""

    def __init__(self, client: EgressClient, *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def attempt(self, endpoint: Endpoint, work: Work) -> Attempt:
        """Send the delivery once: again only where the receiver refused a token that can be had anew."""
        began, deadline = clock.now(), time.monotonic() + self._seconds
        headers: dict[str, str] = {}
        try:
            headers = endpoint.signed_headers(work.event_id, work.body, began)
            if work.ticket is not None:
                headers["webhook-sequence"] = str(work.ticket.number)
            with continue_trace(work.traceparent) as traceparent:
                headers["traceparent"] = traceparent
                answer, proof = await self._exchange(endpoint, work, headers, deadline)
                if answer.status == 401 and endpoint.credentials.refused(proof):
                    answer, proof = await self._exchange(endpoint, work, headers, deadline)
        except (EgressError, TokenUnavailable, CertificateRefused) as error:
            timed_out = isinstance(error, EgressTimeout)
            return Attempt(
                began,
                clock.now() - began,
                error=str(error),
                timed_out=timed_out,
                sent=shown_of_request(headers),
                phases=error.phases if isinstance(error, EgressError) else {},
            )
        success, seconds = is_success(answer.status), clock.now() - began
        kept = proof.hide(answer.body)[: KEPT_OF_SUCCESS if success else KEPT_BYTES]
        attempt = Attempt(
            began,
            seconds,
            status=answer.status,
            retry_after=answer.headers.get("retry-after"),
            wish=answer.headers.get("webhook-delivery"),
            excerpt=kept.decode("utf-8", "replace").replace("\x00", "�"),
        )
        if success and not work.attempts and seconds < SLOW:
            return attempt
        got = shown_of_answer(answer.headers, GOT_BYTES_OF_SUCCESS if success else GOT_BYTES)
        return replace(
            attempt,
            sent=shown_of_request(proof.over(headers)),
            got={name: proof.hide(value.encode()).decode("utf-8", "replace") for name, value in got.items()},
            phases=answer.phases,
        )

    async def _exchange(
        self, endpoint: Endpoint, work: Work, headers: dict[str, str], deadline: float
    ) -> tuple[EgressAnswer, Proof]:
        assert endpoint.subscription.url is not None, "nothing is sent to an endpoint without an address"
        proof = await endpoint.credentials.proof(self._client, timeout=deadline - time.monotonic())
        answer = await self._client.request(
            "POST",
            endpoint.subscription.url,
            headers=proof.over(headers),
            data=work.body,
            timeout=deadline - time.monotonic(),
            max_bytes=READ_BYTES,
            tls=proof.tls,
        )
        return answer, proof
