"""The signing secrets of endpoints: sealed, bound to their endpoint, and replaced with an overlap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from edurelay.events.envelope import timestamp
from edurelay.messages.subscriptions import sealing_context
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay_gateway.endpoints.models import EndpointSecrets, PreviousSecret, StoredEndpoint, StoredSecret
from edurelay_gateway.errors import TooManySecrets

#: Each live secret signs each delivery, so that there must be an end to their number.
MAX_LIVE = 5


def rotated(secrets: Sequence[StoredSecret], new: str, *, now: float, overlap: float) -> list[StoredSecret]:
    """Return the secrets behind a rotation: the `new` sealed one, then those that go on signing, none of them for
    longer than `overlap` seconds from `now`. Raises `TooManySecrets`."""
    end = now + overlap
    ending = [
        StoredSecret(sealed=secret.sealed, expires=min(secret.expires or end, end))
        for secret in secrets
        if not secret.expires or secret.expires > now
    ]
    live = [secret for secret in ending if secret.expires > now]
    if len(live) >= MAX_LIVE:
        raise TooManySecrets(MAX_LIVE)
    return [StoredSecret(sealed=new), *live]


class EndpointKeys:
    """Makes, seals and shows signing secrets."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def fresh(self, tenant: str, endpoint_id: str) -> tuple[str, str]:
        """Return a fresh secret, in the clear and sealed."""
        secret = new_secret()
        return secret, self._sealer.seal(secret.encode(), sealing_context(tenant, endpoint_id))

    def shown(self, endpoint: StoredEndpoint, *, now: float) -> EndpointSecrets:
        """Return the secrets that sign now, in the clear. Raises `Unsealable`."""
        context = sealing_context(endpoint.tenant, endpoint.id)
        current, *previous = endpoint.secrets
        return EndpointSecrets(
            secret=self._sealer.unseal(current.sealed, context).decode(),
            previous=[
                PreviousSecret(
                    secret=self._sealer.unseal(each.sealed, context).decode(),
                    expires_at=timestamp(datetime.fromtimestamp(each.expires, UTC)),
                )
                for each in previous
                if each.expires > now
            ],
        )
