"""API keys: `edr_<short id>_<secret>_<checksum>`, kept only as a hash.

The prefix lets secret scanners find a leaked key, the short id names it in look-ups and logs, and the checksum tells a
mistyped key from an unknown one without asking the store. The secret has 256 bits of chance, so a plain SHA-256 of
it is as good as a slow hash, and costs a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "edr"
SECRET_LENGTH: Final = 43

# 43 of 62 characters carry 256 bits, and a double click selects all of them.
_ALPHABET: Final = string.ascii_letters + string.digits
_FORM: Final = re.compile(r"edr_([0-9a-f]{8})_([A-Za-z0-9]{43})_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A new key. `text` is shown to its owner once; only `short_id` and `hash` are kept."""

    text: str = field(repr=False)
    short_id: str
    hash: str


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A key as a caller presents it: well formed, not yet known to be one of ours."""

    short_id: str
    secret: str = field(repr=False)


def new_api_key() -> ApiKey:
    """Return a fresh random key."""
    short_id = secrets.token_hex(4)
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
    stem = f"{PREFIX}_{short_id}_{secret}"
    return ApiKey(f"{stem}_{_checksum(stem)}", short_id, _hash(secret))


def parse_api_key(text: str) -> ParsedKey | None:
    """Return the parts of a key, or None where form or checksum is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    short_id, secret, checksum = found.groups()
    if checksum != _checksum(f"{PREFIX}_{short_id}_{secret}"):
        return None
    return ParsedKey(short_id, secret)


def matches(parsed: ParsedKey, stored_hash: str) -> bool:
    """Tell, in constant time, whether `stored_hash` is the hash of this key."""
    return hmac.compare_digest(_hash(parsed.secret).encode(), stored_hash.encode())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(stem: str) -> str:
    return f"{zlib.crc32(stem.encode()):08x}"
