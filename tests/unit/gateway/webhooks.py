"""Webhooks for tests: each kind signed by the sandbox, and read as the gateway would read it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edurelay.messages.ingest import WebhookProfile
from edurelay_gateway.ingest.profiles import PROFILES
from edurelay_gateway.ingest.verification import Presented, Proven, key_of, presented_headers, verify
from edurelay_sandbox.webhooks import SENDERS, Webhook

#: A whole second, since most providers know no other.
NOW = 1_767_225_600.0

TOKEN_HEADER = "x-webhook-token"

SIGNED = [profile for profile in WebhookProfile if profile is not WebhookProfile.NONE]
TIMED = [profile for profile in SIGNED if PROFILES[profile].stamp is not None]
UNTIMED = [profile for profile in SIGNED if PROFILES[profile].stamp is None]

WEBHOOK = Webhook(
    secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    url="https://hub.example/in/6f1c/t0-_ken?a=%2Fb%3a&c=%41",
    body=b'{"id": "evt_1", "event_id": "Ev1", "transaction_uuid": "2f6c", "type": "a"}',
    at=NOW,
    id="msg_1",
    header=TOKEN_HEADER,
)
OTHER_SECRET = "whsec_" + b64encode(b"another secret of this kind").decode()


def headers_of(profile: WebhookProfile, webhook: Webhook = WEBHOOK) -> dict[str, str]:
    """Return the headers with which the provider would send it."""
    return SENDERS[profile](webhook)


def proven(
    profile: WebhookProfile,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    webhook: Webhook = WEBHOOK,
    secrets: Mapping[str, float] | None = None,
    now: float = NOW,
    tolerance: float = 300,
) -> Proven:
    """Verify a request with these headers, and otherwise that of `webhook`, under secrets with their ends."""
    items = list(headers.items()) if isinstance(headers, Mapping) else headers
    declared = PROFILES[profile]
    keys = [key_of(declared, secret, end) for secret, end in (secrets or {webhook.secret: 0}).items()]
    presented = Presented("POST", webhook.url, presented_headers(items), webhook.body)
    return verify(declared, presented, keys, TOKEN_HEADER, tolerance=tolerance, now=now)


def standard_v1a(private: Ed25519PrivateKey, webhook: Webhook = WEBHOOK) -> dict[str, str]:
    """Return the headers of Standard Webhooks with an asymmetric signature."""
    headers = SENDERS["standard"](replace(webhook, secret=WEBHOOK.secret))
    content = f"{webhook.id}.{int(webhook.at)}.".encode() + webhook.body
    return {**headers, "webhook-signature": "v1a," + b64encode(private.sign(content)).decode()}
