"""What a webhook is called, what of it is kept, and what tells a repetition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from edurelay.events.ids import digest
from edurelay_gateway.ingest.profiles import Profile
from edurelay_gateway.ingest.verification import Proven

#: Headers by which providers name a webhook, the same at each of their attempts. Shopify's event id comes behind its
#: webhook id, since one event may be told by several webhooks. `x-request-id` comes last: proxies set it as well, and
#: then it differs from attempt to attempt.
ID_HEADERS = (
    "webhook-id",
    "svix-id",
    "x-github-delivery",
    "x-shopify-webhook-id",
    "x-shopify-event-id",
    "idempotency-key",
    "x-event-id",
    "x-request-id",
)

#: Headers that are not the provider's words about the webhook.
TRANSPORT = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip

#: Headers that hold somebody's credentials.
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


def kept_headers(headers: Iterable[tuple[str, str]], secret_header: str = "") -> dict[str, str]:
    """Return what is kept of a request's headers: names in lower case, several of one name joined, bytes that are no
    UTF-8 replaced. The one that holds the secret itself is not kept."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in TRANSPORT or lowered in _CREDENTIALS or lowered == secret_header:
            continue
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        kept[lowered] = f"{kept[lowered]}, {text}" if lowered in kept else text
    return kept


def webhook_id(connection_id: str, profile: Profile, proven: Proven, headers: Mapping[str, str], body: bytes) -> str:
    """Return the id of a webhook: of what the provider calls it, or of its body where the provider gives no name.

    A name that is not part of the proof counts only together with the body: whoever repeats somebody's webhook under
    the name of another one must not take that one's place.
    """
    name = profile.id_header or profile.id_member
    if name is not None and proven.id is not None:
        further = () if profile.id_is_proven else (_digest(body),)
        return _id(connection_id, name, proven.id, *further)
    if name is None and profile.takes_any_name:
        for header in ID_HEADERS:
            if headers.get(header):
                return _id(connection_id, header, headers[header])
    return _id(connection_id, "body", _digest(body))


def repetition_key(profile: Profile, proven: Proven, body: bytes) -> bytes | None:
    """Return what two requests to a connection share only if one repeats the other: a proven name, a signed text with
    its timestamp, or a name together with the body. None where nothing tells a repetition from words said twice."""
    if proven.id is not None and profile.id_is_proven:
        return digest("name", proven.id)
    if profile.stamp is not None:
        return digest("signed", _digest(proven.signed))
    if proven.id is not None:
        return digest("named", proven.id, _digest(body))
    return None


def _id(connection_id: str, *parts: str) -> str:
    return "in_" + digest("webhook", connection_id, *parts).hex()


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
