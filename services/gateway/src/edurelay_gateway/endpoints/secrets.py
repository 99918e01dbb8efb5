"""The signing secrets and keys of endpoints: sealed, bound to their endpoint, and replaced with an overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from edurelay.events.envelope import unix_timestamp
from edurelay.messages.subscriptions import SIGNING_KEY, sealing_context
from edurelay.security import ed25519
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay_gateway.endpoints.models import (
    EndpointSecrets,
    PreviousPublicKey,
    PreviousSecret,
    StoredEndpoint,
    StoredKey,
    StoredSecret,
)
from edurelay_gateway.errors import TooManySecrets

S = TypeVar("S", bound=StoredSecret)

#: Each live secret signs each delivery, so that there must be an end to their number.
MAX_LIVE = 5


def rotated(secrets: Sequence[S], new: S, *, now: float, overlap: float) -> list[S]:
    """Return the secrets, or keys, behind a rotation: the `new` one, then those that go on signing, none of them for
    longer than `overlap` seconds from `now`. Raises `TooManySecrets`."""
    end = now + overlap
    ending = [secret.model_copy(update={"expires": min(secret.expires or end, end)}) for secret in live(secrets, now)]
    signing = live(ending, now)
    if len(signing) >= MAX_LIVE:
        raise TooManySecrets(MAX_LIVE)
    return [new, *signing]


def live(secrets: Sequence[S], now: float) -> list[S]:
    """Return those that sign at `now`."""
    return [secret for secret in secrets if not secret.expires or secret.expires > now]


class EndpointKeys:
    """Makes, seals and shows signing secrets and keys."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def fresh(self, tenant: str, endpoint_id: str) -> tuple[str, str]:
        """Return a fresh secret, in the clear and sealed."""
        secret = new_secret()
        return secret, self._sealer.seal(secret.encode(), sealing_context(tenant, endpoint_id))

    def fresh_key(self, tenant: str, endpoint_id: str) -> StoredKey:
        """Return a fresh key of Ed25519, sealed, with its public half."""
        key = ed25519.new_private_key()
        sealed = self._sealer.seal(key.encode(), sealing_context(tenant, endpoint_id, SIGNING_KEY))
        return StoredKey(sealed=sealed, public=ed25519.public_key(key))

    def shown(self, endpoint: StoredEndpoint, *, now: float) -> EndpointSecrets:
        """Return what verifies now: secrets in the clear, and public keys. Raises `Unsealable`."""
        context = sealing_context(endpoint.tenant, endpoint.id)
        current, *previous = live(endpoint.secrets, now)
        keys = live(endpoint.signing_keys, now)
        return EndpointSecrets(
            secret=self._sealer.unseal(current.sealed, context).decode(),
            previous=[
                PreviousSecret(
                    secret=self._sealer.unseal(each.sealed, context).decode(), expires_at=unix_timestamp(each.expires)
                )
                for each in previous
            ],
            public_key=keys[0].public if keys else None,
            previous_public_keys=[
                PreviousPublicKey(public_key=each.public, expires_at=unix_timestamp(each.expires)) for each in keys[1:]
            ],
        )
