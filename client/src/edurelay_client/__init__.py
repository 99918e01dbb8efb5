"""Edurelay for its users: `verify` for those who receive webhooks, `Client` for those who call the API."""

from edurelay_client.access import Access, NotConfigured
from edurelay_client.client import Client
from edurelay_client.errors import (
    ApiError,
    Conflict,
    EdurelayError,
    InvalidRequest,
    KeyReused,
    NotFound,
    NotReachable,
    ServerError,
    SyncInProgress,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnderWay,
)
from edurelay_client.models import Example, NewEvent, Order
from edurelay_client.retries import RetryPolicy
from edurelay_client.verification import InvalidSignature, Profile, verify

__all__ = [
    "Access",
    "ApiError",
    "Client",
    "Conflict",
    "EdurelayError",
    "Example",
    "InvalidRequest",
    "InvalidSignature",
    "KeyReused",
    "NewEvent",
    "NotConfigured",
    "NotFound",
    "NotReachable",
    "Order",
    "Profile",
    "RetryPolicy",
    "ServerError",
    "SyncInProgress",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnderWay",
    "verify",
]
