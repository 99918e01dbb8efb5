"""Webhooks as the providers send them: each kind of signature written out by itself, from the provider's own words.

Nothing here is shared with who verifies them, so that the two can prove each other wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from yarl import URL


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is to be sent, `at` a Unix time, to a `url` as the provider knows it. `header` is for those providers that
    send their secret as it is, in a header of the customer's choice."""

    secret: str
    url: str
    body: bytes
    at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    header: str = "X-Webhook-Token"


Headers = dict[str, str]


def none(_webhook: Webhook) -> Headers:
    """Send nothing that proves anything."""
    return {}


def standard(webhook: Webhook) -> Headers:
    """Sign as Standard Webhooks 1.0.0 says, with a symmetric secret."""
    key = base64.b64decode(webhook.secret.split("_", 1)[1])
    stamp = str(int(webhook.at))
    content = b".".join([webhook.id.encode(), stamp.encode(), webhook.body])
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": webhook.id, "webhook-timestamp": stamp, "webhook-signature": "v1," + signature}


def hubspot_v3(webhook: Webhook) -> Headers:
    """Sign as HubSpot's apps do: the address decoded first, though not in all of its escapes."""
    stamp = str(int(webhook.at * 1000))
    url = webhook.url
    for escape, plain in (
        ("%3A", ":"), ("%2F", "/"), ("%3F", "?"), ("%40", "@"), ("%21", "!"), ("%24", "$"), ("%27", "'"),
        ("%28", "("), ("%29", ")"), ("%2A", "*"), ("%2C", ","), ("%3B", ";"),
    ):  # fmt: skip
        url = url.replace(escape, plain).replace(escape.lower(), plain)
    source = b"POST" + url.encode() + webhook.body + stamp.encode()
    signature = base64.b64encode(hmac.new(webhook.secret.encode(), source, hashlib.sha256).digest()).decode()
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}


def hubspot_v2(webhook: Webhook) -> Headers:
    """Sign as HubSpot's workflows and cards do."""
    source = webhook.secret + "POST" + webhook.url
    digest = hashlib.sha256(source.encode() + webhook.body).hexdigest()
    return {"X-HubSpot-Signature": digest, "X-HubSpot-Signature-Version": "v2"}


def hubspot_v1(webhook: Webhook) -> Headers:
    """Sign as HubSpot's older webhooks do."""
    digest = hashlib.sha256(webhook.secret.encode() + webhook.body).hexdigest()
    return {"X-HubSpot-Signature": digest, "X-HubSpot-Signature-Version": "v1"}


def zendesk(webhook: Webhook) -> Headers:
    """Sign as Zendesk does."""
    stamp = datetime.fromtimestamp(int(webhook.at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = hmac.new(webhook.secret.encode(), stamp.encode() + webhook.body, hashlib.sha256)
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(made.digest()).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        "X-Zendesk-Webhook-Invocation-Id": webhook.id,
    }


def chatwoot(webhook: Webhook) -> Headers:
    """Sign as recent releases of Chatwoot do."""
    stamp = str(int(webhook.at))
    made = hmac.new(webhook.secret.encode(), stamp.encode() + b"." + webhook.body, hashlib.sha256)
    return {
        "X-Chatwoot-Signature": "sha256=" + made.hexdigest(),
        "X-Chatwoot-Timestamp": stamp,
        "X-Chatwoot-Delivery": webhook.id,
    }


def slack(webhook: Webhook) -> Headers:
    """Sign as Slack does, version 0."""
    stamp = str(int(webhook.at))
    base = b"v0:" + stamp.encode() + b":" + webhook.body
    made = hmac.new(webhook.secret.encode(), base, hashlib.sha256)
    return {"X-Slack-Signature": "v0=" + made.hexdigest(), "X-Slack-Request-Timestamp": stamp}


def hub256(webhook: Webhook) -> Headers:
    """Sign as GitHub does."""
    made = hmac.new(webhook.secret.encode(), webhook.body, hashlib.sha256)
    return {"X-Hub-Signature-256": "sha256=" + made.hexdigest(), "X-GitHub-Delivery": webhook.id}


def stripe(webhook: Webhook) -> Headers:
    """Sign as Stripe does; the signature of another scheme stands before the one that counts."""
    stamp = str(int(webhook.at))
    made = hmac.new(webhook.secret.encode(), stamp.encode() + b"." + webhook.body, hashlib.sha256)
    return {"Stripe-Signature": f"t={stamp},v0={'0' * 64},v1={made.hexdigest()}"}


def shopify(webhook: Webhook) -> Headers:
    """Sign as Shopify does."""
    made = hmac.new(webhook.secret.encode(), webhook.body, hashlib.sha256)
    return {
        "X-Shopify-Hmac-Sha256": base64.b64encode(made.digest()).decode(),
        "X-Shopify-Webhook-Id": webhook.id,
        "X-Shopify-Event-Id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
    }


def token(webhook: Webhook) -> Headers:
    """Send the secret as it is, as RD Station CRM does and many others do."""
    return {webhook.header: webhook.secret}


#: How each kind of provider signs, by the name of the profile that verifies it.
SENDERS: Mapping[str, Callable[[Webhook], Headers]] = {
    "none": none,
    "standard": standard,
    "hubspot_v3": hubspot_v3,
    "hubspot_v2": hubspot_v2,
    "hubspot_v1": hubspot_v1,
    "zendesk": zendesk,
    "chatwoot": chatwoot,
    "rdstation": token,
    "slack": slack,
    "hub256": hub256,
    "stripe": stripe,
    "shopify": shopify,
    "secret": token,
}


async def send(kind: str, webhook: Webhook, to: str | None = None) -> tuple[int, bytes]:
    """Send a webhook as this kind of provider does; return status and body of the answer. It goes `to` another
    address than the signed one where a proxy would stand between."""
    headers = {"Content-Type": "application/json", **SENDERS[kind](webhook)}
    # The address goes out as it was signed, not as it could be written as well.
    url = URL(to or webhook.url, encoded=True)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=webhook.body, headers=headers) as answer,
    ):
        return answer.status, await answer.read()
