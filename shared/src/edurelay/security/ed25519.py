"""Ed25519 key pairs of Standard Webhooks 1.0.0: `whsk_` signs and stays here, `whpk_` verifies and is for everybody.

A `whsk_` text is the base64 of 64 bytes, the seed and behind it the public key; a `whpk_` text that of the 32 bytes of
the public key. A signature goes into the header as `v1a,<base64>`.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
SCHEME: Final = "v1a,"

_KEY_BYTES: Final = 32


class SigningKeyMalformed(ValueError):
    """The key is not `whsk_` and the base64 of seed and public key, or not `whpk_` and that of the public key."""


def new_private_key() -> str:
    """Return a fresh `whsk_` key."""
    key = Ed25519PrivateKey.generate()
    pair = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return PRIVATE_PREFIX + b64encode(pair).decode()


def public_key(private_key: str) -> str:
    """Return the `whpk_` key that verifies what `private_key` signs. Raises `SigningKeyMalformed`."""
    return PUBLIC_PREFIX + b64encode(_signer(private_key).public_key().public_bytes_raw()).decode()


def token(private_key: str, signed: bytes) -> str:
    """Return the signature of `signed` as it stands in the header. Raises `SigningKeyMalformed`."""
    return SCHEME + binascii.b2a_base64(_signer(private_key).sign(signed), newline=False).decode("ascii")


def is_signed(public_key: str, signed: bytes, token: str) -> bool:
    """Tell whether `token`, as it stands in the header, is the key's signature of `signed`. Raises
    `SigningKeyMalformed` for a bad key; a bad token is just none."""
    verifier = _verifier(public_key)
    signature = _decoded(token.removeprefix(SCHEME)) if token.startswith(SCHEME) else None
    if signature is None:
        return False
    try:
        verifier.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def jwk(public_key: str) -> dict[str, str]:
    """Return a `whpk_` key as a JSON Web Key (RFC 8037), named by its thumbprint (RFC 7638), with its own text as the
    member `whpk`. Raises `SigningKeyMalformed`."""
    x = _base64url(_verifier(public_key).public_bytes_raw())
    thumbprint = sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": x,
        "kid": _base64url(thumbprint),
        "use": "sig",
        "alg": "EdDSA",
        "whpk": public_key,
    }


@lru_cache(maxsize=8192)
def _signer(private_key: str) -> Ed25519PrivateKey:
    pair = _decoded(private_key.removeprefix(PRIVATE_PREFIX)) if private_key.startswith(PRIVATE_PREFIX) else None
    if pair is None or len(pair) != 2 * _KEY_BYTES:
        raise SigningKeyMalformed(SigningKeyMalformed.__doc__)
    key = Ed25519PrivateKey.from_private_bytes(pair[:_KEY_BYTES])
    # A seed beside another key's public half would sign what its owner cannot verify.
    if key.public_key().public_bytes_raw() != pair[_KEY_BYTES:]:
        raise SigningKeyMalformed(SigningKeyMalformed.__doc__)
    return key


@lru_cache(maxsize=8192)
def _verifier(public_key: str) -> Ed25519PublicKey:
    raw = _decoded(public_key.removeprefix(PUBLIC_PREFIX)) if public_key.startswith(PUBLIC_PREFIX) else None
    if raw is None or len(raw) != _KEY_BYTES:
        raise SigningKeyMalformed(SigningKeyMalformed.__doc__)
    return Ed25519PublicKey.from_public_bytes(raw)


def _decoded(encoded: str) -> bytes | None:
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
