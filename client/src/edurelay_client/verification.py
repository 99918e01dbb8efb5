"""For receivers: is this webhook from Edurelay?

The raw body counts, byte for byte as it was received: parsing and writing it again gives other bytes.
"""

from __future__ import annotations

import binascii
import hmac
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from enum import StrEnum

from cryptography.exceptions import InvalidSignature as SignatureMismatch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edurelay_client.errors import EdurelayError

_PREFIX = "whsec_"
_PUBLIC_PREFIX = "whpk_"


class InvalidSignature(EdurelayError):
    """The request does not prove that it was sent by who holds the secret, or it is too old; do not believe it."""


class Profile(StrEnum):
    """Which headers prove it: those of Standard Webhooks, or `X-SkillPassport-Signature`."""

    STANDARD = "standard"
    SKILLPASSPORT = "skillpassport"


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    tolerance: float = 300,
    now: float | None = None,
    profile: Profile | None = None,
) -> None:
    """Return if the request is genuine. Raises `InvalidSignature`, or `ValueError` for a secret that is none.

    `secret` is the endpoint's secret as the API shows it (`whsec_…`, for `v1` signatures) or its public key
    (`whpk_…`, for `v1a`), or several of either kind while they are being rotated; one has to match. `tolerance` is how
    many seconds the timestamp may differ from `now`, the present Unix time. Without a `profile`, the headers of
    Standard Webhooks count where they are there, else the other one. That one has no timestamp and cannot tell an old
    request that somebody sends again: who gets both should name `Profile.STANDARD`.
    """
    found = {name.lower(): value for name, value in headers.items()}
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if profile is None:
        profile = Profile.STANDARD if "webhook-signature" in found else Profile.SKILLPASSPORT
    if profile is Profile.STANDARD:
        _verify_standard(found, body, secrets, tolerance, time.time() if now is None else now)
    else:
        _verify_skillpassport(found, body, secrets)


def _verify_standard(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], tolerance: float, now: float
) -> None:
    message_id, stamp, signature = (_required(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise InvalidSignature("webhook-timestamp is not a number of Unix seconds")
    if abs(now - int(stamp)) > tolerance:
        raise InvalidSignature("webhook-timestamp is too far from now")
    signed = f"{message_id}.{stamp}.".encode(errors="replace") + body
    given = [token.encode(errors="replace") for token in signature.split(" ")]
    public_keys = [_public_key(each) for each in secrets if each.startswith(_PUBLIC_PREFIX)]
    keys = [_key(each) for each in secrets if not each.startswith(_PUBLIC_PREFIX)]
    if any(_is_signed(key, signed, token) for key in public_keys for token in given):
        return
    expected = [b"v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False) for key in keys]
    _require_match("webhook-signature", expected, given)


def _verify_skillpassport(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    given = _required(headers, "x-skillpassport-signature").lower().encode(errors="replace")
    # A public key is known to all: as the key of an HMAC it would prove nothing.
    keys = [each.encode() for each in secrets if not each.startswith(_PUBLIC_PREFIX)]
    expected = [hmac.digest(key, body, "sha256").hex().encode() for key in keys]
    _require_match("x-skillpassport-signature", expected, [given])


def _require_match(header: str, expected: Sequence[bytes], given: Sequence[bytes]) -> None:
    """Compare all with all in constant time, so that nothing tells how near a guess came."""
    matched = False
    for right in expected:
        for token in given:
            matched |= hmac.compare_digest(right, token)
    if not matched:
        raise InvalidSignature(f"no signature in {header} matches")


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the secret is not `whsec_` and base64") from None
    if not key:
        raise ValueError("the secret is empty")
    return key


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text.removeprefix(_PUBLIC_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("the public key is not `whpk_` and the base64 of 32 bytes") from None


def _is_signed(key: Ed25519PublicKey, signed: bytes, token: bytes) -> bool:
    scheme, _, encoded = token.partition(b",")
    if scheme != b"v1a":
        return False
    try:
        key.verify(b64decode(encoded, validate=True), signed)
    except (SignatureMismatch, binascii.Error, ValueError):
        return False
    return True


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidSignature(f"the header {name} is missing")
    return value
