"""Deterministic identifiers.

An id that can be computed again is what makes a replay harmless: the same cause yields the same id, so every
consumer that remembers ids has already seen it. Nothing here depends on time, chance or arrival order.
"""

from __future__ import annotations

import re
import secrets
import time
import uuid
from hashlib import blake2b

#: An event id of our own: `evt_`, 12 hex digits of Unix milliseconds, 20 of chance or of a digest. Such ids sort by
#: time, so a store lists events in order without an index of its own.
OWN_EVENT_ID = re.compile(r"evt_[0-9a-f]{32}")
#: By how much the moment in such an id may be ahead of who reads it, in milliseconds: clocks differ.
SKEW_MS = 60_000


def digest(*parts: str) -> bytes:
    """Return the 16-byte BLAKE2b digest of `parts`; each is length-prefixed, so ("a", "bc") != ("ab", "c")."""
    state = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        state.update(len(encoded).to_bytes(4, "big"))
        state.update(encoded)
    return state.digest()


def derived_uuid(*parts: str) -> str:
    """Return the digest of `parts` as a UUID text of version 8 (RFC 9562: custom content)."""
    value = int.from_bytes(digest(*parts), "big")
    value = value & ~(0xF000 << 64) | 0x8000 << 64
    value = value & ~(0xC000 << 48) | 0x8000 << 48
    return str(uuid.UUID(int=value))


def internal_id(tenant: str, connection: str, entity_type: str, external_id: str) -> str:
    """Return the inside id of a provider's record. It depends on the record's identity only, so records may
    arrive in any order, and a reference can be resolved before the record that it points to has been seen."""
    return derived_uuid("entity", tenant, connection, entity_type, external_id)


def entity_event_id(
    tenant: str, connection: str, entity_type: str, external_id: str, version: int, changed_at_ms: int
) -> str:
    """Return the id of the event that tells of one version of one entity; `changed_at_ms` is kept with the version."""
    return _event_id(changed_at_ms, digest("event", tenant, connection, entity_type, external_id, str(version)))


def published_event_id(tenant: str, idempotency_key: str, index: int) -> str:
    """Return the id of an event that a client published under an idempotency key, at `index` of its batch."""
    return "evk_" + digest("published", tenant, idempotency_key, str(index)).hex()


def operational_event_id(event_type: str, endpoint: str, moment_ms: int, *parts: str) -> str:
    """Return the id of what Edurelay tells of an endpoint; `moment_ms` and `parts` say which time it is told."""
    return _event_id(moment_ms, digest("operational", event_type, endpoint, str(moment_ms), *parts))


def new_event_id() -> str:
    """Return a fresh id for an event that is published now."""
    return _event_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def event_key(event_id: str, moment_ms: int) -> str:
    """Return the text by which an event is kept in order of time: its own id where that sorts, else one made of
    the moment at which the log took it."""
    if OWN_EVENT_ID.fullmatch(event_id):
        return event_id
    return _event_id(moment_ms, digest("given", event_id))


def is_ahead(event_id: str, moment_ms: int) -> bool:
    """Return True for an id of our own that no hub can have given by this moment."""
    return OWN_EVENT_ID.fullmatch(event_id) is not None and int(event_id[4:16], 16) > moment_ms + SKEW_MS


def earliest_key(moment_ms: int) -> str:
    """Return the first of all texts by which events of this moment are kept."""
    return _event_id(moment_ms, bytes(10))


def _event_id(moment_ms: int, rest: bytes) -> str:
    return f"evt_{moment_ms:012x}{rest[:10].hex()}"


def new_id(prefix: str) -> str:
    """Return a fresh random id, such as `evt_…`, for something that nothing else determines."""
    return f"{prefix}_{secrets.token_hex(16)}"


def new_uuid() -> str:
    """Return a fresh random UUID text, for the entities that the founding documents give a UUID."""
    return str(uuid.uuid4())
