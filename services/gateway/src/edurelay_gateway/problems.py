"""Everything that the use cases refuse, in one table: status, stable code, and the sentence that a caller reads.

Use cases raise these; each face renders them in its own shape. What only bad input can cause is refused earlier, by
the JSON gate and the models of the bodies.
"""

from __future__ import annotations

from edurelay.web.problems import Problem

#: How long a caller is asked to wait before it tries again, in seconds.
RETRY_SECONDS = 1


class Missing(Problem):
    """There is no such thing, or it is another tenant's: nobody can tell which."""

    def __init__(self, what: str) -> None:
        super().__init__(404, "not_found", f"There is no such {what}.")


class ChangedMeanwhile(Problem):
    """Others changed the same thing again and again while this change was being made."""

    def __init__(self, what: str) -> None:
        super().__init__(409, "conflict", f"The {what} is being changed by others; read it and try again.")


class Rejected(Problem):
    """One field of the body makes no sense here."""

    def __init__(self, code: str, detail: str, field: str) -> None:
        super().__init__(422, code, detail, field=field)


class ConnectionRefused(Problem):
    """The connector does not accept config or credentials; `errors` names the fields."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        first = errors[0] if errors else {}
        super().__init__(
            422,
            "invalid_connection",
            first.get("detail", "The connector does not accept this configuration."),
            field=first.get("field"),
            errors=errors,
        )


class ConnectionInactive(Problem):
    """The connection was set INACTIVE."""

    def __init__(self) -> None:
        super().__init__(409, "connection_inactive", "The connection is INACTIVE; set it ACTIVE first.")


class SyncInProgress(Problem):
    """A connection has one run at a time, and has one now."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            409, "SYNC_IN_PROGRESS", f"The connection is busy with run {run_id}.", active_run_id=run_id
        )


class RunFinished(Problem):
    """The run has ended; there is nothing left to cancel."""

    def __init__(self, status: str) -> None:
        super().__init__(409, "run_finished", f"The run has already {status}.")


class RunUnfinished(Problem):
    """The run has not ended yet, so that its rejected records are not all known."""

    def __init__(self) -> None:
        super().__init__(409, "run_unfinished", "The run has not ended yet; wait for its end, or cancel it.")


class TooManyEndpoints(Problem):
    """The tenant has as many endpoints as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(409, "endpoint_limit", f"A tenant may have {limit} endpoints; delete one first.")


class TooManySecrets(Problem):
    """So many secrets of the endpoint are still in their overlap that one more would not fit into the header."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            409, "too_many_secrets", f"{limit} secrets of this endpoint are still live; wait until one has ended."
        )


class Overloaded(Problem):
    """So much waits for Kafka already that nothing more is taken in."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "overloaded",
            "Too many messages wait to be written; nothing was accepted, try again.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


class NotAccepted(Problem):
    """Kafka did not confirm in time. It may have stored the message all the same, so that a repetition should carry
    the same id or idempotency key."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "not_accepted",
            "The message could not be confirmed as stored; send it again.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


class MessageTooBig(Problem):
    """The message is larger than the log takes."""

    def __init__(self) -> None:
        super().__init__(413, "too_large", "The message is larger than what can be stored.")
