"""What is kept of an attempt for whoever looks back at it. Pure.

Of the request's headers only those are shown whose values are known to be no secrets: what the sender itself sets. A
signature is none, since it says nothing of the secret and is worth nothing for another body or moment; it is what a
receiver that refused it has to be compared with. Any other header is shown by its name alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edurelay.events.envelope import unix_timestamp
from edurelay_webhook_dispatcher.attempts import Attempt

MASKED = "***"
#: How much is kept of an answer's headers, names and values together, and of that of a success, in bytes.
GOT_BYTES = 2048
GOT_BYTES_OF_SUCCESS = 256
#: How much of one value is kept, in characters.
VALUE_LENGTH = 256

_OPEN_HEADERS = frozenset({"content-type", "traceparent", "x-skillpassport-signature", "x-hub-signature-256"})
_OPEN_PREFIX = "webhook-"
#: What an answer may hold that is the receiver's secret.
_SECRET_ANSWERS = frozenset({"set-cookie", "www-authenticate", "proxy-authenticate", "authorization", "x-api-key"})


def shown_of_request(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with every value masked that may be a secret."""
    return {name: value if _is_open(name.lower()) else MASKED for name, value in headers.items()}


def shown_of_answer(headers: Mapping[str, str], room: int) -> dict[str, str]:
    """Return the first of the headers, as many as fit into `room` bytes; those of one name are one."""
    shown: dict[str, str] = {}
    for name, value in headers.items():
        lowered = _readable(name).lower()
        text = MASKED if lowered in _SECRET_ANSWERS else _readable(value)[:VALUE_LENGTH]
        if lowered in shown:
            text = f"{shown[lowered]}, {text}"[:VALUE_LENGTH]
            room += len(lowered) + len(shown[lowered])
        room -= len(lowered) + len(text)
        if room < 0:
            break
        shown[lowered] = text
    return shown


def kept(number: int, attempt: Attempt) -> dict[str, Any]:
    """Return attempt `number` (from 1) as it is stored. What is empty is left out: most documents hold one that
    succeeded, and nothing else."""
    stored: dict[str, Any] = {"n": number, "at": unix_timestamp(attempt.at), "ms": round(attempt.seconds * 1000, 2)}
    found: dict[str, Any] = {
        "status": attempt.status,
        "error": attempt.error,
        "excerpt": attempt.excerpt or None,
        "sent": _packed(attempt.sent) or None,
        "got": _packed(attempt.got) or None,
        "phases": {phase: round(spent, 2) for phase, spent in attempt.phases.items()} or None,
    }
    return stored | {name: value for name, value in found.items() if value is not None}


def attempts_made(history: Sequence[Mapping[str, Any]]) -> int:
    """Return how many attempts were made, of which the last are kept."""
    return int(history[-1]["n"]) if history else 0


def headers_of(packed: str) -> dict[str, str]:
    """Return headers as they were before they were stored."""
    return {name: value for name, _, value in (line.partition(": ") for line in packed.splitlines())}


def _packed(headers: Mapping[str, str]) -> str:
    """One text is less for a database than a field for each, and any name can stand in it."""
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _is_open(name: str) -> bool:
    return name in _OPEN_HEADERS or name.startswith(_OPEN_PREFIX)


def _readable(text: str) -> str:
    """The text without what a database or a screen cannot take: the library hands over bytes as surrogates."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "�" for character in text)
