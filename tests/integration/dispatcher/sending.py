"""A sender on real sockets, and endpoints as the dispatcher reads them from the topic."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.abc import AbstractResolver
from pydantic import TypeAdapter

from edurelay.egress.client import EgressClient
from edurelay.egress.guard import AddressGuard
from edurelay.messages.receiver_auth import ReceiverAuth, encode
from edurelay.messages.subscriptions import AUTH, SIGNING_KEY, SignatureProfile, Subscription, sealing_context
from edurelay.security.ed25519 import new_private_key
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin
from edurelay_webhook_dispatcher.sender import Sender
from edurelay_webhook_dispatcher.work import Work

TENANT, ENDPOINT = "north", "endpoint"
SEALER = Sealer.from_keys("k1:" + b64encode(bytes(32)).decode())
BODY = b'{"id":"evt_1","event":"a.b","timestamp":"t","data":{"n": 1.10}}'

_AUTH: TypeAdapter[ReceiverAuth] = TypeAdapter(ReceiverAuth)


def _sealed(text: bytes, part: str = "secret") -> str:
    return SEALER.seal(text, sealing_context(TENANT, ENDPOINT, part))


def endpoint(
    url: str,
    *,
    auth: Mapping[str, str] | None = None,
    secrets: Sequence[tuple[str, float]] = (),
    signing_keys: Sequence[tuple[str, float]] = (),
    **fields: Any,
) -> Endpoint:
    """Return an endpoint; secrets and keys are pairs of the text and the moment at which it ends, made up if none."""
    secrets = secrets or [(new_secret(), 0)]
    signing_keys = signing_keys or [(new_private_key(), 0)]
    subscription = Subscription(
        **{
            "id": ENDPOINT,
            "tenant": TENANT,
            "url": url,
            "event_types": ["*"],
            "signature_profiles": [SignatureProfile.STANDARD],
            "secrets": [_sealed(text.encode()) for text, _ in secrets],
            "secret_expiries": [ends for _, ends in secrets],
            "signing_keys": [_sealed(text.encode(), SIGNING_KEY) for text, _ in signing_keys],
            "signing_key_expiries": [ends for _, ends in signing_keys],
            "auth": _sealed(encode(_AUTH.validate_python(auth)), AUTH) if auth is not None else None,
            "version": 1,
            **fields,
        }
    )
    return Endpoint.open(Subscription.decode(subscription.encode()), SEALER)


def work(body: bytes = BODY) -> Work:
    """Return a delivery to be made."""
    key = DeliveryKey(TENANT, ENDPOINT, 1_800_000_000_000, event_origin(0, 1))
    return Work(key, "evt_1", "a.b", body, time.monotonic())


@asynccontextmanager
async def sending(*, seconds: float = 10.0, resolver: AbstractResolver | None = None) -> AsyncIterator[Sender]:
    """Run a sender that may reach this machine."""
    guard = AddressGuard("127.0.0.0/8")
    client = EgressClient(guard, user_agent="test", require_https=False, resolver=resolver)
    async with client:
        yield Sender(client, seconds=seconds)
