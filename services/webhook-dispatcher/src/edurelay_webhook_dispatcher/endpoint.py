"""An endpoint as the dispatcher keeps it: the subscription with its secrets open, in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edurelay.messages.subscriptions import SignatureProfile, Subscription, sealing_context
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import hub256_signature, skillpassport_signature, standard_headers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `secrets` pairs each open secret with the Unix time at which it stops signing (0: never)."""

    subscription: Subscription
    secrets: tuple[tuple[str, float], ...]

    @property
    def id(self) -> str:
        """The endpoint's id."""
        return self.subscription.id

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.subscription.tenant

    @property
    def event_types(self) -> Sequence[str]:
        """The patterns of what it wants."""
        return self.subscription.event_types

    @classmethod
    def open(cls, subscription: Subscription, sealer: Sealer) -> Endpoint:
        """Unseal the secrets. Raises `Unsealable`."""
        context = sealing_context(subscription.tenant, subscription.id)
        opened = [sealer.unseal(sealed, context).decode() for sealed in subscription.secrets]
        return cls(subscription, tuple(zip(opened, subscription.secret_expiries, strict=True)))

    def signed_headers(self, message_id: str, body: bytes, now: float) -> dict[str, str]:
        """Return the headers of one attempt: the endpoint's own, and behind them, so that they win, ours."""
        live = [secret for secret, expiry in self.secrets if expiry == 0 or expiry > now]
        headers = dict(self.subscription.headers)
        headers["content-type"] = "application/json"
        for profile in self.subscription.signature_profiles:
            match profile:
                case SignatureProfile.STANDARD:
                    headers |= standard_headers(message_id, int(now), body, live)
                case SignatureProfile.SKILLPASSPORT:
                    headers["x-skillpassport-signature"] = skillpassport_signature(body, live[0])
                case SignatureProfile.HUB256:
                    headers["x-hub-signature-256"] = hub256_signature(body, live[0])
        headers.setdefault("webhook-id", message_id)
        return headers
