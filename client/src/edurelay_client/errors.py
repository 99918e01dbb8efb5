"""What can go wrong, by the problem code that the API gave. Everything is an `EdurelayError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class EdurelayError(Exception):
    """Anything that this library raises."""


class NotReachable(EdurelayError):
    """No answer came, again and again. For a call that changes something: whether it did is not known."""


class ApiError(EdurelayError):
    """The API refused. `code` is stable and for programs, the text is for people; `field` names what is wrong, and
    `errors` does where it is more than one thing. `problem` is the whole body of the answer."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", "unknown"))
        self.field = problem.get("field")
        self.errors: list[dict[str, Any]] = list(problem.get("errors") or [])
        detail = problem.get("detail") or problem.get("title") or f"status {status}"
        super().__init__(f"{detail} [{self.code}{f', {self.field}' if self.field else ''}]")


class InvalidRequest(ApiError):
    """Something about the request is wrong; `field` and `errors` say what."""


class Unauthorized(ApiError):
    """The API key is missing, wrong or revoked, or is not for this call."""


class NotFound(ApiError):
    """There is no such thing, or it is another tenant's."""


class Conflict(ApiError):
    """The request cannot be done as things are."""


class SyncInProgress(Conflict):
    """The connection has a run already."""

    @property
    def active_run_id(self) -> str:
        """The run that the connection is busy with."""
        return str(self.problem.get("active_run_id", ""))


class KeyReused(ApiError):
    """The idempotency key was used before, with another body."""


class UnderWay(Conflict):
    """The first call with this idempotency key has not ended yet."""


class EventsGone(ApiError):
    """What comes next in a stream was deleted for its age before it was read."""

    @property
    def first(self) -> int:
        """The number of the first event that is still there."""
        return int(self.problem.get("first", 0))


class StreamGap(EdurelayError):
    """An event of a stream is missing, however often it is asked for."""

    def __init__(self, missing: int, found: int) -> None:
        super().__init__(f"number {missing} is missing in the stream, which goes on with {found}")
        self.missing = missing
        self.found = found


class TooManyRequests(ApiError):
    """More is asked for at a time than a tenant may."""


class TooLarge(ApiError):
    """The body is larger than what is taken."""


class Unavailable(ApiError):
    """The API cannot do it now, and could not at any of the attempts."""


class ServerError(ApiError):
    """Something went wrong inside of the API."""


_BY_CODE: dict[str, type[ApiError]] = {
    "SYNC_IN_PROGRESS": SyncInProgress,
    "idempotency_key_reused": KeyReused,
    "idempotency_key_in_use": UnderWay,
    "events_gone": EventsGone,
}

_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(status: int, problem: Mapping[str, Any]) -> ApiError:
    """Return the error for an answer: by its code, else by its status."""
    kind = _BY_CODE.get(str(problem.get("code"))) or _BY_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= 500 else InvalidRequest
    return kind(status, problem)
