"""An endpoint as the dispatcher keeps it: the subscription with its secrets open, in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edurelay.messages import receiver_auth
from edurelay.messages.subscriptions import (
    AUTH,
    SECRET,
    SIGNING_KEY,
    BodyFormat,
    SignatureAlgorithm,
    SignatureProfile,
    Subscription,
    sealing_context,
)
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import hub256_signature, skillpassport_signature, standard_headers
from edurelay_webhook_dispatcher.body import CONTENT_TYPES, format_of
from edurelay_webhook_dispatcher.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `secrets` and `signing_keys` pair each open secret and `whsk_` key with the Unix time at which it
    stops signing (0: never)."""

    subscription: Subscription
    secrets: tuple[tuple[str, float], ...]
    signing_keys: tuple[tuple[str, float], ...]
    credentials: Credentials

    @property
    def id(self) -> str:
        """The endpoint's id."""
        return self.subscription.id

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.subscription.tenant

    @property
    def sent_to(self) -> bool:
        """True where events are sent to it, False where it has no address and its stream is read."""
        return self.subscription.url is not None

    @property
    def event_types(self) -> Sequence[str]:
        """The patterns of what it wants."""
        return self.subscription.event_types

    @property
    def body_format(self) -> BodyFormat:
        """In what form it gets events."""
        return self.subscription.body_format

    @classmethod
    def open(cls, subscription: Subscription, sealer: Sealer) -> Endpoint:
        """Unseal the secrets. Raises `Unsealable`, `MalformedMessage`."""

        def opened(sealed: str, part: str) -> bytes:
            return sealer.unseal(sealed, sealing_context(subscription.tenant, subscription.id, part))

        secrets = [opened(each, SECRET).decode() for each in subscription.secrets]
        keys = [opened(each, SIGNING_KEY).decode() for each in subscription.signing_keys]
        auth = receiver_auth.decode(opened(subscription.auth, AUTH)) if subscription.auth is not None else None
        return cls(
            subscription,
            tuple(zip(secrets, subscription.secret_expiries, strict=True)),
            tuple(zip(keys, subscription.signing_key_expiries, strict=True)),
            Credentials(auth),
        )

    @classmethod
    def sealed(cls, subscription: Subscription) -> Endpoint:
        """Return one whose secrets do not open here: it is matched, and nothing is sent to it."""
        return cls(subscription, (), (), Credentials(None))

    def signed_headers(self, message_id: str, body: bytes, now: float) -> dict[str, str]:
        """Return the headers of one attempt: the endpoint's own, and behind them, so that they win, ours."""
        algorithms = self.subscription.signature_algorithms
        live = _live(self.secrets, now)
        headers = dict(self.subscription.headers)
        headers["content-type"] = CONTENT_TYPES[format_of(body)]
        for profile in self.subscription.signature_profiles:
            match profile:
                case SignatureProfile.STANDARD:
                    secrets = live if SignatureAlgorithm.V1 in algorithms else []
                    keys = _live(self.signing_keys, now) if SignatureAlgorithm.V1A in algorithms else []
                    headers |= standard_headers(message_id, int(now), body, secrets, keys)
                case SignatureProfile.SKILLPASSPORT:
                    headers["x-skillpassport-signature"] = skillpassport_signature(body, live[0])
                case SignatureProfile.HUB256:
                    headers["x-hub-signature-256"] = hub256_signature(body, live[0])
        headers.setdefault("webhook-id", message_id)
        return headers


def _live(keys: Sequence[tuple[str, float]], now: float) -> list[str]:
    return [key for key, expiry in keys if expiry == 0 or expiry > now]
