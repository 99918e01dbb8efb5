"""How providers sign their webhooks, as data: one declaration a profile, and `verification` reads them all.

The facts are those of the providers' own documentation. Where one leaves an age limit open, the connection's
`tolerance_seconds` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edurelay.messages.ingest import WebhookProfile


class Part(Enum):
    """What a signed text is put together from, beside fixed bytes."""

    METHOD = "the request's method"
    URL = "the public address, with the query as it was sent"
    DECODED_URL = "the same, with HubSpot's twelve escapes decoded"
    ID = "the webhook's id, as the header has it"
    TIMESTAMP = "the timestamp, as the header has it"
    BODY = "the raw body"


class Proof(Enum):
    """What the token in a request has to be."""

    HMAC = "the HMAC-SHA256 of the signed text under the secret"
    DIGEST = "the SHA-256 of the secret with the signed text behind it"
    ED25519 = "the ed25519 signature of the signed text, under the public key that is the secret"
    SAME = "the secret itself"


class Encoding(Enum):
    """How the token is written."""

    HEX = "hex"
    BASE64 = "base64"
    PLAIN = "as it is"


class Unit(Enum):
    """What a timestamp counts."""

    SECONDS = "Unix seconds"
    MILLISECONDS = "Unix milliseconds"
    ISO = "ISO 8601 with its offset"


class SecretForm(Enum):
    """What a secret looks like."""

    TEXT = "the key is the text itself"
    WHSEC = "`whsec_` and the base64 of the key"
    WHPK = "`whpk_` and the base64 of the public key"
    HEADER = "what a header can hold"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request something stands: in a header, behind `prefix`; with a `separator` the header is a list, and
    its items with that prefix count. An empty `header` is the one that the connection names."""

    header: str
    prefix: bytes = b""
    separator: bytes | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of proof: where the token stands, how it is written, and what it has to be under which secret."""

    token: Place
    proof: Proof = Proof.HMAC
    encoding: Encoding = Encoding.HEX
    secret: SecretForm = SecretForm.TEXT


@dataclass(frozen=True, slots=True)
class Stamp:
    """When the provider sent the request. It is part of what is signed."""

    place: Place
    unit: Unit = Unit.SECONDS


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request that only asks whether somebody is here: the JSON body's member `named` has this `value`, and what its
    member `challenge` holds is to be answered."""

    named: str
    value: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Profile:
    """How one provider proves its webhooks. A secret belongs to the first scheme whose form it has.

    The provider's name for a webhook stands in the header `id_header`, or in the JSON body's member `id_member`.
    """

    name: WebhookProfile
    schemes: tuple[Scheme, ...] = ()
    signed: tuple[Part | bytes, ...] = (Part.BODY,)
    stamp: Stamp | None = None
    id_header: str | None = None
    id_member: str | None = None
    handshake: Handshake | None = None

    @property
    def verifies(self) -> bool:
        """True where there is something to prove."""
        return bool(self.schemes)

    @property
    def names_header(self) -> bool:
        """True where the connection says in which header the token stands."""
        return any(not scheme.token.header for scheme in self.schemes)

    @property
    def takes_any_name(self) -> bool:
        """True where the sender is not of one known kind, and may name its webhooks by any of the usual headers."""
        return self.name in (WebhookProfile.NONE, WebhookProfile.SECRET)

    @property
    def needs_url(self) -> bool:
        """True where the address is signed, as the provider sees it."""
        return Part.URL in self.signed or Part.DECODED_URL in self.signed

    @property
    def id_is_proven(self) -> bool:
        """True where nobody but who holds the secret can have chosen the id."""
        if self.id_header is not None:
            return Part.ID in self.signed
        return self.id_member is not None


_STANDARD = "webhook-signature"
_STRIPE = "stripe-signature"

_ALL = (
    Profile(WebhookProfile.NONE),
    # Standard Webhooks 1.0.0. While secrets rotate, the header lists a token for each.
    Profile(
        WebhookProfile.STANDARD,
        (
            Scheme(Place(_STANDARD, b"v1,", b" "), Proof.HMAC, Encoding.BASE64, SecretForm.WHSEC),
            Scheme(Place(_STANDARD, b"v1a,", b" "), Proof.ED25519, Encoding.BASE64, SecretForm.WHPK),
        ),
        signed=(Part.ID, b".", Part.TIMESTAMP, b".", Part.BODY),
        stamp=Stamp(Place("webhook-timestamp")),
        id_header="webhook-id",
    ),
    # developers.hubspot.com, request validation.
    Profile(
        WebhookProfile.HUBSPOT_V3,
        (Scheme(Place("x-hubspot-signature-v3"), encoding=Encoding.BASE64),),
        signed=(Part.METHOD, Part.DECODED_URL, Part.BODY, Part.TIMESTAMP),
        stamp=Stamp(Place("x-hubspot-request-timestamp"), Unit.MILLISECONDS),
    ),
    Profile(
        WebhookProfile.HUBSPOT_V2,
        (Scheme(Place("x-hubspot-signature"), Proof.DIGEST),),
        signed=(Part.METHOD, Part.URL, Part.BODY),
    ),
    Profile(WebhookProfile.HUBSPOT_V1, (Scheme(Place("x-hubspot-signature"), Proof.DIGEST),)),
    # developer.zendesk.com, verifying webhooks.
    Profile(
        WebhookProfile.ZENDESK,
        (Scheme(Place("x-zendesk-webhook-signature"), encoding=Encoding.BASE64),),
        signed=(Part.TIMESTAMP, Part.BODY),
        stamp=Stamp(Place("x-zendesk-webhook-signature-timestamp"), Unit.ISO),
        id_header="x-zendesk-webhook-invocation-id",
    ),
    # developers.chatwoot.com, webhooks. Releases that sign nothing have no secret to show: `none` is theirs.
    Profile(
        WebhookProfile.CHATWOOT,
        (Scheme(Place("x-chatwoot-signature", b"sha256=")),),
        signed=(Part.TIMESTAMP, b".", Part.BODY),
        stamp=Stamp(Place("x-chatwoot-timestamp")),
        id_header="x-chatwoot-delivery",
    ),
    # developers.rdstation.com, CRM webhooks: the account's `auth_header` holds its `auth_key`.
    Profile(
        WebhookProfile.RDSTATION,
        (Scheme(Place(""), Proof.SAME, Encoding.PLAIN, SecretForm.HEADER),),
        id_member="transaction_uuid",
    ),
    # docs.slack.dev, verifying requests from Slack, and the Events API's check of the address.
    Profile(
        WebhookProfile.SLACK,
        (Scheme(Place("x-slack-signature", b"v0=")),),
        signed=(b"v0:", Part.TIMESTAMP, b":", Part.BODY),
        stamp=Stamp(Place("x-slack-request-timestamp")),
        id_member="event_id",
        handshake=Handshake("type", "url_verification", "challenge"),
    ),
    # docs.github.com, validating webhook deliveries.
    Profile(
        WebhookProfile.HUB256,
        (Scheme(Place("x-hub-signature-256", b"sha256=")),),
        id_header="x-github-delivery",
    ),
    # docs.stripe.com, verifying signatures by hand. The key is the secret's whole text, `whsec_` included.
    Profile(
        WebhookProfile.STRIPE,
        (Scheme(Place(_STRIPE, b"v1=", b",")),),
        signed=(Part.TIMESTAMP, b".", Part.BODY),
        stamp=Stamp(Place(_STRIPE, b"t=", b",")),
        id_member="id",
    ),
    # shopify.dev, verifying deliveries.
    Profile(
        WebhookProfile.SHOPIFY,
        (Scheme(Place("x-shopify-hmac-sha256"), encoding=Encoding.BASE64),),
        id_header="x-shopify-webhook-id",
    ),
    Profile(WebhookProfile.SECRET, (Scheme(Place(""), Proof.SAME, Encoding.PLAIN, SecretForm.HEADER),)),
)

PROFILES: Mapping[WebhookProfile, Profile] = {profile.name: profile for profile in _ALL}
