"""How each refusal is told over HTTP: one table."""

from __future__ import annotations

from functools import partial

from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.mongo import StoreUnavailable
from edurelay.web.problems import ErrorTable, Problem
from edurelay_gateway import errors
from edurelay_gateway.errors import Refusal

#: What a caller is asked to wait before it tries again, in seconds.
RETRY_AFTER = {"Retry-After": "1"}

STATUS: dict[type[Refusal], int] = {
    errors.InvalidSignature: 401,
    errors.Missing: 404,
    errors.ChangedMeanwhile: 409,
    errors.ConnectionInactive: 409,
    errors.SyncInProgress: 409,
    errors.RunFinished: 409,
    errors.RunUnfinished: 409,
    errors.TooManyEndpoints: 409,
    errors.TooManySecrets: 409,
    errors.NothingIsSent: 409,
    errors.EventTooLarge: 413,
    errors.UnknownProvider: 422,
    errors.UnknownStream: 422,
    errors.InvalidConnection: 422,
    errors.InvalidWebhook: 422,
    errors.UnknownConnection: 422,
    errors.ExampleFailed: 422,
    errors.UrlNotAllowed: 422,
    errors.AuthNotAllowed: 422,
    errors.OnlyForSending: 422,
    errors.UnsupportedByProvider: 422,
    errors.TooManyStreams: 429,
    errors.TooManyTrials: 429,
    errors.NotInForce: 503,
    errors.Overloaded: 503,
    errors.StoreSilent: 503,
}


def _refused(status: int, error: Exception) -> Problem:
    assert isinstance(error, Refusal)
    return Problem(
        status,
        error.code,
        str(error),
        field=error.field,
        errors=error.errors,
        headers=RETRY_AFTER if status in (429, 503) else None,
        **error.further,
    )


def _not_confirmed(_error: Exception) -> Problem:
    # Kafka may have the message all the same: whoever repeats it has to use the same id or idempotency key.
    detail = "It could not be confirmed as stored; send it again."
    return Problem(503, "not_confirmed", detail, headers=RETRY_AFTER)


def _too_large(_error: Exception) -> Problem:
    return Problem(413, "too_large", "The message is larger than what can be stored.", field="body")


def _store_unavailable(_error: Exception) -> Problem:
    return Problem(503, "store_unavailable", "The database does not answer; try again.", headers=RETRY_AFTER)


PROBLEMS: ErrorTable = {
    **{kind: partial(_refused, status) for kind, status in STATUS.items()},
    **dict.fromkeys(StoreUnavailable, _store_unavailable),
    KafkaUnavailable: _not_confirmed,
    MessageTooLarge: _too_large,
}
