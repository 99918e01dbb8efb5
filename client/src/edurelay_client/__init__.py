"""Edurelay for its users: `verify` for those who receive webhooks, `Client` for those who call the API."""

from edurelay_client.access import Access, NotConfigured
from edurelay_client.client import Client
from edurelay_client.consumer import Consumer
from edurelay_client.errors import (
    ApiError,
    Conflict,
    EdurelayError,
    EventsGone,
    InvalidRequest,
    KeyReused,
    NotFound,
    NotReachable,
    ServerError,
    StreamGap,
    SyncInProgress,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnderWay,
)
from edurelay_client.models import Example, NewEvent
from edurelay_client.retries import RetryPolicy
from edurelay_client.verification import InvalidSignature, Profile, verify

__all__ = [
    "Access",
    "ApiError",
    "Client",
    "Conflict",
    "Consumer",
    "EdurelayError",
    "EventsGone",
    "Example",
    "InvalidRequest",
    "InvalidSignature",
    "KeyReused",
    "NewEvent",
    "NotConfigured",
    "NotFound",
    "NotReachable",
    "Profile",
    "RetryPolicy",
    "ServerError",
    "StreamGap",
    "SyncInProgress",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnderWay",
    "verify",
]
