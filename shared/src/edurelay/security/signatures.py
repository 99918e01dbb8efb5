"""Webhook signatures over the raw body: Standard Webhooks 1.0.0, and the header profiles beside it.

Standard Webhooks signs `{id}.{timestamp}.{body}`: with HMAC-SHA256 under a secret of the form `whsec_<base64>` (`v1`),
or with a key of Ed25519 (`v1a`, in `ed25519.py`). While a secret or key rotates, the header lists one signature for
each live one, and a verifier accepts any that matches.
"""

from __future__ import annotations

import binascii
import hmac
import secrets as chance
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from edurelay.security import ed25519

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public beginning of every secret
SECRET_BYTES: Final = 32
TOLERANCE_SECONDS: Final = 300

_SCHEME: Final = "v1,"


class SecretMalformed(ValueError):
    """The signing secret is not `whsec_` and the base64 of 24 to 64 bytes."""


class SignatureInvalid(Exception):
    """The request does not prove that it comes from who holds the secret, or is too old or too new to be trusted."""


def new_secret() -> str:
    """Return a fresh signing secret: `whsec_` and the base64 of 32 random bytes."""
    return SECRET_PREFIX + b64encode(chance.token_bytes(SECRET_BYTES)).decode()


@lru_cache(maxsize=8192)
def signing_key(secret: str) -> bytes:
    """Return the key bytes of a `whsec_` secret; as the reference libraries do, accepts it without the prefix and
    without base64 padding. Raises `SecretMalformed`, without a word of the secret."""
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SecretMalformed(SecretMalformed.__doc__) from None
    if not 24 <= len(key) <= 64:
        raise SecretMalformed(SecretMalformed.__doc__)
    return key


def standard_headers(
    message_id: str, timestamp: int, body: bytes, secrets: Sequence[str], private_keys: Sequence[str] = ()
) -> dict[str, str]:
    """Return the three headers of one attempt, with a `v1` signature for each of `secrets`, the current one first, and
    behind them a `v1a` signature for each of `private_keys`.

    `timestamp` is the Unix second of the attempt; `message_id` stays the same over all attempts and holds no dot.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    tokens = [_standard_token(signed, secret) for secret in secrets]
    tokens += [ed25519.token(key, signed) for key in private_keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(tokens),
    }


def skillpassport_signature(body: bytes, secret: str) -> str:
    """Return the value of `X-SkillPassport-Signature`: the hex HMAC-SHA256 of the body, keyed with the whole secret."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


def hub256_signature(body: bytes, secret: str) -> str:
    """Return the value of `X-Hub-Signature-256`: the same digest behind `sha256=`."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def verify_standard(
    headers: Mapping[str, str],
    body: bytes,
    keys: Sequence[str],
    *,
    now: float,
    tolerance: float = TOLERANCE_SECONDS,
) -> None:
    """Check the three headers (in any case) of a received webhook against its raw body.

    `keys` are secrets and `whpk_` keys, of which one has to match; `now` is the present Unix time and `tolerance` the
    seconds that the timestamp may be away from it, either way. Raises `SignatureInvalid`, and `SecretMalformed` or
    `SigningKeyMalformed` for a bad key of our own.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, given = (_required(found, name) for name in ("id", "timestamp", "signature"))
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SignatureInvalid("webhook-timestamp is not a number of Unix seconds")
    age = now - int(stamp)
    if abs(age) > tolerance:
        raise SignatureInvalid(f"webhook-timestamp is too {'old' if age > 0 else 'new'}")
    # What is signed is the header's own text, so that a timestamp with leading zeros is not silently rewritten.
    signed = f"{message_id}.{stamp}.".encode(errors="replace") + body
    tokens = given.split(" ")
    matched = False
    for key in keys:
        if key.startswith(ed25519.PUBLIC_PREFIX):
            matched |= any(ed25519.is_signed(key, signed, token) for token in tokens)
            continue
        expected = _standard_token(signed, key).encode()
        for token in tokens:
            matched |= hmac.compare_digest(expected, token.encode(errors="replace"))
    if not matched:
        raise SignatureInvalid("no signature in webhook-signature matches")


def _standard_token(signed: bytes, secret: str) -> str:
    digest = hmac.digest(signing_key(secret), signed, "sha256")
    return _SCHEME + binascii.b2a_base64(digest, newline=False).decode("ascii")


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(f"webhook-{name}")
    if not value:
        raise SignatureInvalid(f"the header webhook-{name} is missing")
    return value
