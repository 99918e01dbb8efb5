"""The public keys of endpoints, for everybody: a receiver verifies with them, and nobody can sign with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

from aiohttp import hdrs

from edurelay.security import ed25519
from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.endpoints.models import PublicKey, PublicKeys, StoredKey
from edurelay_gateway.endpoints.secrets import live
from edurelay_gateway.endpoints.store import EndpointStore
from edurelay_gateway.memory import ShortMemory
from edurelay_gateway.tenancy import is_id

#: How long an endpoint's keys are remembered here: anybody may ask, and not every question may reach the database.
REMEMBER_SECONDS = 2.0
#: How long a receiver may keep them. While a key is replaced the former one signs too, so that an old set verifies.
MAX_AGE = 300


class PublishedKeys:
    """Finds the public keys that verify what endpoints get now."""

    def __init__(
        self,
        store: EndpointStore,
        *,
        remember_seconds: float = REMEMBER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._known: ShortMemory[str, list[StoredKey]] = ShortMemory(self._find, seconds=remember_seconds)
        self._clock = clock

    async def of(self, endpoint_id: str) -> PublicKeys:
        """Return the keys of an endpoint, the current one first: none where it has none, or there is no such
        endpoint, so that nobody learns which ids exist."""
        known = await self._known.get(endpoint_id) if is_id(endpoint_id) else []
        return PublicKeys(keys=[PublicKey(**ed25519.jwk(key.public)) for key in live(known, self._clock())])

    async def _find(self, endpoint_id: str) -> list[StoredKey]:
        found = await self._store.find_published(endpoint_id)
        return found.signing_keys if found is not None else []


class KeyApi:
    """Key sets at addresses that need no key."""

    def __init__(self, keys: PublishedKeys) -> None:
        self._keys = keys

    @operation(
        "GET",
        "/v1/endpoints/{endpoint_id}/jwks.json",
        summary="Show the public keys",
        tag="endpoints",
        auth="none",
        answers={200: PublicKeys, 304: None},
    )
    async def get_public_keys(self, call: Call[None, None]) -> Answer:
        """For receivers that verify `v1a` signatures, as a JSON Web Key Set. An unknown endpoint has an empty one."""
        body = (await self._keys.of(call.path["endpoint_id"])).model_dump_json().encode()
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: f"public, max-age={MAX_AGE}", hdrs.ETAG: tag}
        known = call.request.headers.get(hdrs.IF_NONE_MATCH, "")
        if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Answer(304, headers=headers)
        return Answer(body=body, headers=headers)
