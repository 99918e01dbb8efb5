"""`edurelay.subscriptions`: each webhook endpoint and what it subscribed to, keyed by its id."""

from __future__ import annotations

from enum import StrEnum

from edurelay.messages.base import InternalMessage

#: The parts of an endpoint that are sealed.
SECRET, SIGNING_KEY, AUTH = "secret", "signing-key", "auth"


class SignatureProfile(StrEnum):
    """A set of signature headers: Standard Webhooks, `X-SkillPassport-Signature`, `X-Hub-Signature-256`."""

    STANDARD = "standard"
    SKILLPASSPORT = "skillpassport"
    HUB256 = "hub256"


class SignatureAlgorithm(StrEnum):
    """How the Standard Webhooks headers are signed: with HMAC-SHA256 (`v1`), or with Ed25519 (`v1a`)."""

    V1 = "v1"
    V1A = "v1a"


class BodyFormat(StrEnum):
    """What is sent: `{id, event, timestamp, data}`, or a CloudEvent in JSON."""

    EDURELAY = "edurelay"
    CLOUDEVENTS = "cloudevents"


class PayloadMode(StrEnum):
    """How much of an event's data is sent: all that the endpoint may see, or the ids in it."""

    FULL = "full"
    THIN = "thin"


class Subscription(InternalMessage):
    """An endpoint as the dispatcher needs it.

    `secrets` are sealed with `sealing_context(tenant, id)`; the current one comes first, an older one follows
    while a rotation overlaps, with the moment (Unix seconds) at which it stops signing in `secret_expiries`
    (0: never). `signing_keys`, the `whsk_` texts, and their expiries are the same for Ed25519. `auth` is the sealed
    JSON of a `ReceiverAuth`. `retry_schedule` is in seconds between attempts, None for the service's own. `probed` is a
    disabled one that failed for too long: it is tried from time to time, and enabled where that succeeds. Without a
    `url` nothing is sent: its events are numbered in its stream and read from there.

    An event of the wanted types is sent where `condition` (`edurelay.conditions`) holds; of its data, what the paths in
    `fields` take (`edurelay.events.projection`), None for all; with the ids of the connection `ids`, None for ours.
    """

    id: str
    tenant: str
    url: str | None = None
    event_types: list[str]
    enabled: bool = True
    probed: bool = False
    signature_profiles: list[SignatureProfile]
    headers: dict[str, str] = {}
    secrets: list[str]
    secret_expiries: list[float]
    signature_algorithms: list[SignatureAlgorithm] = [SignatureAlgorithm.V1]
    signing_keys: list[str] = []
    signing_key_expiries: list[float] = []
    body_format: BodyFormat = BodyFormat.EDURELAY
    auth: str | None = None
    max_in_flight: int = 10
    rate_per_second: float | None = None
    retry_schedule: list[float] | None = None
    condition: str | None = None
    fields: list[str] | None = None
    payload: PayloadMode = PayloadMode.FULL
    ids: str | None = None
    version: int


def sealing_context(tenant: str, endpoint: str, part: str = SECRET) -> str:
    """Return the associated data that binds a sealed part, by default a signing secret, to its endpoint."""
    return f"endpoint|{tenant}|{endpoint}|{part}"
