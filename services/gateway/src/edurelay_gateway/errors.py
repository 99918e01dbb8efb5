"""What the use cases refuse. `problems` says how each is told over HTTP; nothing here knows of HTTP."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """The request cannot be done as things are.

    `code` is stable and for programs, the text is for people. `field` names what is wrong with a body, `errors` does
    where it is more than one thing, and `further` are values that the caller may want to act upon.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, field: str | None = None, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.field = field
        self.errors = errors
        self.further: dict[str, Any] = {}


class Missing(Refusal):
    """There is no such thing, or it is another tenant's: nobody can tell which."""

    code = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class ChangedMeanwhile(Refusal):
    """Others changed the same thing again and again while this change was being made."""

    code = "conflict"

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} is being changed by others; read it and try again.")


class UnknownProvider(Refusal):
    """There is no connector of this name."""

    code = "unknown_provider"

    def __init__(self, provider: str) -> None:
        super().__init__(f"There is no connector for {provider}; `GET /v1/providers` lists them.", field="provider")


class UnknownStream(Refusal):
    """The connector declares its streams, and this is none of them."""

    code = "unknown_stream"

    def __init__(self, index: int, known: list[str]) -> None:
        super().__init__(f"The connector has the streams {', '.join(known)}.", field=f"streams[{index}]")


class InvalidConnection(Refusal):
    """The connector does not accept config or credentials; `errors` names the fields."""

    code = "invalid_connection"

    def __init__(self, detail: str, field: str, errors: list[dict[str, str]] | None) -> None:
        super().__init__(detail, field=field, errors=errors)


class InvalidWebhook(Refusal):
    """A connection's webhooks cannot be verified so; `field` names what is missing or wrong."""

    code = "invalid_webhook"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail, field=field)


class InvalidSignature(Refusal):
    """An inbound webhook does not prove that it comes from who holds the connection's secret."""

    code = "invalid_signature"


class UnknownConnection(Refusal):
    """A connection is named that the tenant does not have."""

    code = "unknown_connection"

    def __init__(self, field: str) -> None:
        super().__init__("There is no such connection; `GET /v1/connections` lists them.", field=field)


class ExampleFailed(Refusal):
    """A condition cannot be tried on the example that came with it."""

    code = "example_failed"


class ConnectionInactive(Refusal):
    """The connection was set INACTIVE."""

    code = "connection_inactive"

    def __init__(self) -> None:
        super().__init__("The connection is INACTIVE; set it ACTIVE first.")


class SyncInProgress(Refusal):
    """A connection has one run at a time, and has one now."""

    code = "SYNC_IN_PROGRESS"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"The connection is busy with run {run_id}.")
        self.further = {"active_run_id": run_id}


class RunFinished(Refusal):
    """The run has ended; there is nothing left to cancel."""

    code = "run_finished"

    def __init__(self, status: str) -> None:
        super().__init__(f"The run has already {status}.")


class RunUnfinished(Refusal):
    """The run has not ended yet, so that its rejected records are not all known."""

    code = "run_unfinished"

    def __init__(self) -> None:
        super().__init__("The run has not ended yet; wait for its end, or cancel it.")


class UrlNotAllowed(Refusal):
    """The address cannot be delivered to."""

    code = "url_not_allowed"

    def __init__(self, reason: str, field: str = "url") -> None:
        super().__init__(reason, field=field)


class OnlyForSending(Refusal):
    """A field says how events are sent, and nothing is sent to the endpoint."""

    code = "only_for_sending"

    def __init__(self, field: str) -> None:
        super().__init__("This says how events are sent; nothing is sent to an endpoint without a URL.", field=field)


class NothingIsSent(Refusal):
    """What is asked for makes sense only where events are sent."""

    code = "endpoint_without_url"

    def __init__(self) -> None:
        super().__init__("The endpoint has no URL: nothing is sent to it, so nothing is signed.")


class AuthNotAllowed(Refusal):
    """Deliveries cannot prove themselves to the receiver in this way."""

    code = "auth_not_allowed"

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason, field=field)


class TooManyEndpoints(Refusal):
    """The tenant has as many endpoints as it may have."""

    code = "endpoint_limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A tenant may have {limit} endpoints; delete one first.")


class TooManySecrets(Refusal):
    """So many secrets are in their overlap that one more would make the header too long, or the look at it."""

    code = "too_many_secrets"

    def __init__(self, limit: int, of: str = "endpoint") -> None:
        super().__init__(f"{limit} secrets of this {of} are still live; wait until one has ended.")


class NotInForce(Refusal):
    """The dispatcher has not heard of the endpoint yet."""

    code = "not_in_force"

    def __init__(self) -> None:
        super().__init__("The endpoint is new and not in force yet; try again in a moment.")


class TooManyTrials(Refusal):
    """As many of the tenant's conditions are being tried on an example as may be."""

    code = "too_many_trials"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A tenant may try {limit} conditions at a time; try again.")


class TooManyStreams(Refusal):
    """The tenant reads as many streams at a time as it may."""

    code = "too_many_streams"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A tenant may have {limit} streams of events open at a time; end one first.")


class UnsupportedByProvider(Refusal):
    """The documented operation has no counterpart in this provider's connector yet."""

    code = "unsupported_by_provider"


class EventTooLarge(Refusal):
    """The data of one event is larger than what receivers have to take."""

    code = "too_large"

    def __init__(self, most: int) -> None:
        super().__init__(f"The data of an event may have {most} bytes.", field="data")


class StoreSilent(Refusal):
    """The database did not answer in the time that there was."""

    code = "store_unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer; try again.")


class Overloaded(Refusal):
    """So much waits for Kafka already that nothing more is taken in."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too much waits to be written already; nothing was accepted, try again.")
