"""Taking secrets out of whatever is about to be shown: a log line, a setting, an error's text.

Secrets are kept out of messages where those are written; this is the second wall, for the text of other people's
exceptions and for fields that somebody logged in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretBytes, SecretStr

REDACTED = "[redacted]"

#: A field whose name contains one of these holds a secret, whatever it looks like.
SECRET_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "credential",
    "api_key",
    "apikey",
    "seal_key",
    "cookie",
    "signature",
)

#: What a secret looks like inside of a longer text, each with what is left of it.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(whsec|whsk)_[A-Za-z0-9+/=_-]+"), rf"\1_{REDACTED}"),
    (re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|$)", re.DOTALL), rf"\1{REDACTED}\2"),
    (re.compile(r"\b(edr_[0-9a-f]{8})_[A-Za-z0-9_-]+"), rf"\1_{REDACTED}"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (
        re.compile(r"\b(wstoken|access_token|refresh_token|client_secret|password|api_?key)=[^&\s\"']+", re.IGNORECASE),
        rf"\1={REDACTED}",
    ),
)


def without_secrets(text: str) -> str:
    """Return `text` with everything replaced that looks like one of our secrets or a password in an address."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact(value: Any, name: str = "") -> Any:
    """Return `value` fit to be shown: secrets replaced by their field's name, their type or their look."""
    if isinstance(value, (SecretStr, SecretBytes)):
        return REDACTED
    if value is not None and name and any(part in name for part in SECRET_NAMES):
        return REDACTED
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {str(key): redact(item, str(key).lower()) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return without_secrets(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
