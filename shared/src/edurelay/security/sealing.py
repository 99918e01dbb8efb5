"""Sealing: AES-256-GCM for secrets at rest, bound to their owner and to the key that sealed them.

A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`. The associated data is version, key id and
*context*, which names the owner (such as `tenant/connection/credentials`): a sealed text that is moved to another
owner's document does not open there. Nonces are random, so one key is good for 2**32 sealings; rotate before.
"""

from __future__ import annotations

import binascii
import re
import secrets
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = "v1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SEALED: Final = re.compile(r"v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)")


class SealingKeyError(ValueError):
    """The text does not hold usable sealing keys. The message never holds a part of a key."""


class Unsealable(Exception):
    """The text was not sealed for this context by a key that is known here, or was damaged since."""


def new_sealing_key(key_id: str) -> str:
    """Return a fresh `key_id:base64` entry for `EDURELAY_SEAL_KEYS`. Raises `SealingKeyError` for a bad id."""
    _require_key_id(key_id)
    return f"{key_id}:{b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


class Sealer:
    """Seals with the first of its keys and unseals with any, so that a new key is put in front to rotate."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        """`keys` maps key id to 32 bytes, the sealing key first. Raises `SealingKeyError`."""
        if not keys:
            raise SealingKeyError("no sealing key is given")
        for key_id, key in keys.items():
            _require_key_id(key_id)
            if len(key) != KEY_BYTES:
                raise SealingKeyError(f"sealing key {key_id} has {len(key)} bytes, not {KEY_BYTES}")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._sealing_id = next(iter(keys))

    @classmethod
    def from_keys(cls, text: str) -> Sealer:
        """Read `id:base64,id2:base64`; the first key seals, all unseal. Raises `SealingKeyError`."""
        keys: dict[str, bytes] = {}
        for place, entry in enumerate(text.split(","), start=1):
            key_id, colon, encoded = entry.strip().partition(":")
            if not colon:
                raise SealingKeyError(f"entry {place} of the sealing keys is not of the form id:base64")
            _require_key_id(key_id)
            if key_id in keys:
                raise SealingKeyError(f"sealing key {key_id} is given twice")
            try:
                keys[key_id] = b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                # The cause is left out: it could quote the key.
                raise SealingKeyError(f"sealing key {key_id} is not base64") from None
        return cls(keys)

    def seal(self, plaintext: bytes, context: str) -> str:
        """Return `plaintext` sealed for `context`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        ciphertext = self._ciphers[self._sealing_id].encrypt(nonce, plaintext, _bound_to(self._sealing_id, context))
        return f"{VERSION}.{self._sealing_id}.{urlsafe_b64encode(nonce + ciphertext).decode().rstrip('=')}"

    def unseal(self, sealed: str, context: str) -> bytes:
        """Return what was sealed for `context`. Raises `Unsealable`."""
        key_id, payload = _parse(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unsealable(f"it was sealed with key {key_id}, which is not among the keys given here")
        try:
            return cipher.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], _bound_to(key_id, context))
        except InvalidTag:
            raise Unsealable("it was sealed for another owner, with another key of the same id, or damaged") from None

    def needs_rotation(self, sealed: str) -> bool:
        """Tell whether `sealed` was sealed with another key than the first. Raises `Unsealable` for any other text."""
        key_id, _ = _parse(sealed)
        return key_id != self._sealing_id


def _require_key_id(key_id: str) -> None:
    if not _KEY_ID.fullmatch(key_id):
        raise SealingKeyError("a sealing key's id is 1 to 32 letters, digits, dashes or underscores")


def _bound_to(key_id: str, context: str) -> bytes:
    # Neither version nor key id can hold the separator, so two different triples never give the same bytes.
    return f"{VERSION}|{key_id}|{context}".encode()


def _parse(sealed: str) -> tuple[str, bytes]:
    found = _SEALED.fullmatch(sealed)
    if found is None:
        raise Unsealable("it is not a sealed text of a known version")
    key_id, encoded = found.groups()
    try:
        payload = b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise Unsealable("its payload is damaged") from None
    if len(payload) < NONCE_BYTES + TAG_BYTES:
        raise Unsealable("its payload is cut short")
    return key_id, payload
