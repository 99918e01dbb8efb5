"""From the key that a caller presents to the tenant that it speaks for."""

from __future__ import annotations

from edurelay.security.api_keys import matches, parse_api_key
from edurelay_gateway.memory import ShortMemory
from edurelay_gateway.tenants.store import StoredKey, TenantStore

#: How long a key is remembered: so long it may still work elsewhere after it was revoked.
REMEMBER_SECONDS = 5.0

#: How many right keys are held in memory; as many tenants at a time are rare.
MOST_RIGHT = 10_000


class Keyring:
    """Knows whose key is whose, without asking the database, or hashing, for each request."""

    def __init__(self, store: TenantStore, *, seconds: float = REMEMBER_SECONDS) -> None:
        self._known: ShortMemory[str, StoredKey | None] = ShortMemory(store.find_key, seconds=seconds)
        #: Texts that were found to be right, each for the very entry that it was held against.
        self._right: dict[str, StoredKey] = {}

    async def owner(self, text: str) -> StoredKey | None:
        """Return the key behind `text`, or None where it is not one of ours."""
        right = self._right.get(text)
        if right is not None and self._known.peek(right.short_id) is right:
            return right
        parsed = parse_api_key(text)
        if parsed is None:
            return None
        stored = await self._known.get(parsed.short_id)
        if stored is None or not matches(parsed, stored.hash):
            return None
        if len(self._right) >= MOST_RIGHT:
            self._right.clear()
        self._right[text] = stored
        return stored

    def forget(self, short_id: str) -> None:
        """Ask the store for this key the next time."""
        self._known.forget(short_id)
