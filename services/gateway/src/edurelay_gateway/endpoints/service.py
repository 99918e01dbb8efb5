"""The use cases of endpoints: make, show, change, rotate the secret, delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from edurelay.egress.errors import UrlRefused
from edurelay.egress.guard import AddressGuard
from edurelay.egress.urls import check_url
from edurelay.events.envelope import now
from edurelay.events.ids import new_id
from edurelay.events.operational import Operational, operational_event
from edurelay.events.topics import EVENTS
from edurelay.messages.subscriptions import SignatureAlgorithm
from edurelay_gateway.connections.store import ConnectionStore
from edurelay_gateway.endpoints.authentication import EndpointAuth, check_together
from edurelay_gateway.endpoints.choosing import ConditionFailures, Conditions
from edurelay_gateway.endpoints.kinds import check_only_read, check_same_kind, check_sent_to
from edurelay_gateway.endpoints.models import (
    EndpointChange,
    EndpointCreate,
    EndpointGone,
    EndpointSecrets,
    StoredEndpoint,
    StoredSecret,
)
from edurelay_gateway.endpoints.secrets import EndpointKeys, rotated
from edurelay_gateway.endpoints.store import EndpointStore
from edurelay_gateway.errors import ChangedMeanwhile, Missing, TooManyEndpoints, UnknownConnection, UrlNotAllowed
from edurelay_gateway.publication import Publication

#: How often a change is tried again because somebody else changed the same endpoint meanwhile.
ATTEMPTS = 8

_ENABLED: dict[str, object] = {"enabled": True, "disabled_reason": None, "probed": False}
_FORGOTTEN: dict[str, object] = {"secrets": [], "signing_keys": [], "auth": None}


class Endpoints:
    """Makes, shows, changes and deletes endpoints, and sees to it that the dispatcher hears of it."""

    def __init__(
        self,
        store: EndpointStore,
        publication: Publication,
        keys: EndpointKeys,
        auth: EndpointAuth,
        guard: AddressGuard,
        connections: ConnectionStore,
        conditions: Conditions,
        *,
        limit: int,
        require_https: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._publication = publication
        self._keys = keys
        self._auth = auth
        self._guard = guard
        self._connections = connections
        self._conditions = conditions
        self._limit = limit
        self._require_https = require_https
        self._clock = clock
        self._counting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, tenant: str, wanted: EndpointCreate) -> tuple[StoredEndpoint, str | None, bool | None]:
        """Make an endpoint; return it with its signing secret, and whether its condition holds for the example. Raises
        `UrlNotAllowed`, `OnlyForSending`, `AuthNotAllowed`, `UnknownConnection`, `ExampleFailed`,
        `TooManyTrials`, `TooManyEndpoints`."""
        if wanted.url is not None:
            self._check_url(wanted.url)
        else:
            check_only_read(wanted.model_dump())
        await self._check_connection(tenant, wanted.ids)
        matched = await self._conditions.example_matches(tenant, wanted.condition, wanted.condition_example)
        endpoint_id, moment = new_id("ep"), now()
        auth = await self._auth.sealed(tenant, endpoint_id, wanted.auth, now=self._clock())
        secret, secrets = None, []
        if wanted.url is not None:
            check_together(wanted.url, wanted.headers, wanted.auth)
            secret, sealed = self._keys.fresh(tenant, endpoint_id)
            secrets = [StoredSecret(sealed=sealed)]
        asymmetric = SignatureAlgorithm.V1A in wanted.signature_algorithms
        endpoint = StoredEndpoint(
            **wanted.model_dump(exclude={"auth", "condition_example"}),
            id=endpoint_id,
            tenant=tenant,
            auth=auth,
            secrets=secrets,
            signing_keys=[self._keys.fresh_key(tenant, endpoint_id)] if asymmetric else [],
            version=1,
            created_at=moment,
            updated_at=moment,
            unsent=[endpoint_id],
        )
        store = self._store.of(tenant)
        # Counting and inserting are one step in this process; replicas together may go beyond the limit by as many
        # as they are, which a limit of this kind can bear.
        async with self._counting.setdefault(tenant, asyncio.Lock()):
            if await store.count() >= self._limit:
                raise TooManyEndpoints(self._limit)
            await store.insert(endpoint)
        return await self._told(endpoint), secret, matched

    async def get(self, tenant: str, endpoint_id: str) -> StoredEndpoint:
        """Return an endpoint. Raises `Missing`."""
        found = await self._store.of(tenant).get(endpoint_id)
        if found is None:
            raise Missing("endpoint")
        return found

    async def page(self, tenant: str, *, limit: int, after: str | None = None) -> list[StoredEndpoint]:
        """Return some endpoints, the newest first."""
        return await self._store.of(tenant).page(limit=limit, after=after)

    async def secrets(self, tenant: str, endpoint_id: str) -> EndpointSecrets:
        """Return what the endpoint's deliveries are signed with. Raises `Missing`, `NothingIsSent`."""
        endpoint = await self.get(tenant, endpoint_id)
        check_sent_to(endpoint)
        return self._keys.shown(endpoint, now=self._clock())

    async def change(self, tenant: str, endpoint_id: str, wanted: EndpointChange) -> tuple[StoredEndpoint, bool | None]:
        """Change what `wanted` sets; return the endpoint, and whether its condition holds for the example. Raises
        `Missing`, `UrlNotAllowed`, `OnlyForSending`, `AuthNotAllowed`, `UnknownConnection`, `ExampleFailed`,
        `TooManyTrials`, `ChangedMeanwhile`."""
        changes = wanted.model_dump(include=wanted.model_fields_set - {"condition_example"})
        if "url" in changes and wanted.url is not None:
            self._check_url(wanted.url)
        seen = await self.get(tenant, endpoint_id)
        if "url" in changes:
            check_same_kind(seen, wanted.url)
        if seen.url is None:
            check_only_read(changes)
        await self._check_connection(tenant, wanted.ids)
        condition = wanted.condition if "condition" in changes else seen.condition
        matched = await self._conditions.example_matches(tenant, condition, wanted.condition_example)
        if not changes:
            return seen, matched
        if "enabled" in changes:
            changes |= {"disabled_reason": None, "probed": False}
        if "auth" in changes:
            changes["auth"] = await self._auth.sealed(tenant, endpoint_id, wanted.auth, now=self._clock())

        if "condition" in changes:
            changes |= {"condition_failures": 0, "condition_failed": None}

        def decide(seen: StoredEndpoint) -> dict[str, object]:
            changed = seen.model_copy(update=changes)
            if changed.url is not None:
                check_together(changed.url, changed.headers, changed.auth.view if changed.auth is not None else None)
            if SignatureAlgorithm.V1A in changed.signature_algorithms and not seen.signing_keys:
                return changes | {"signing_keys": [self._keys.fresh_key(tenant, endpoint_id)]}
            return changes

        return await self._change(tenant, endpoint_id, decide), matched

    async def enable(self, tenant: str, endpoint_id: str) -> StoredEndpoint:
        """Enable an endpoint. It gets a new version even where it is enabled here: the dispatcher may have disabled
        it by itself, and takes the newer version as the word to go on. Raises `Missing`, `ChangedMeanwhile`."""
        return await self._change(tenant, endpoint_id, lambda seen: _ENABLED)

    async def disable_gone(self, tenant: str, endpoint_id: str, gone: EndpointGone) -> None:
        """Disable an endpoint that wants nothing any more, and let one be tried no more that was disabled for failing
        and then says so; unless it was changed since or does not exist: the word of the dispatcher may come late, and
        may come twice."""
        seen = await self._store.of(tenant).get(endpoint_id)
        if seen is None or seen.version != gone.version or not (seen.enabled or (seen.probed and not gone.probed)):
            return
        changes = {"enabled": False, "disabled_reason": gone.reason, "probed": gone.probed}
        told = operational_event(
            Operational.ENDPOINT_DISABLED,
            tenant,
            endpoint_id,
            {"reason": gone.reason, "probed": gone.probed},
            moment=self._clock(),
            parts=(str(gone.version),),
        )
        if await self._store.of(tenant).change(seen, changes, [told.message(EVENTS.name)]) is not None:
            await self._publication.flush(endpoint_id)

    async def enable_recovered(self, tenant: str, endpoint_id: str, version: int) -> None:
        """Enable an endpoint that was disabled for failing, unless it was changed since or does not exist."""
        seen = await self._store.of(tenant).get(endpoint_id)
        if seen is None or seen.version != version or not seen.probed:
            return
        if await self._store.of(tenant).change(seen, _ENABLED) is not None:
            await self._publication.flush(endpoint_id)

    async def note_failures(self, tenant: str, endpoint_id: str, failed: ConditionFailures) -> None:
        """Keep the dispatcher's word that a condition failed; of no interest where there is another by now."""
        await self._store.of(tenant).note_failures(endpoint_id, failed)

    async def rotate_secret(self, tenant: str, endpoint_id: str, overlap: float) -> EndpointSecrets:
        """Replace the secret, and the key of Ed25519 where there is one; the present ones sign beside the new ones for
        `overlap` seconds. Raises `Missing`, `NothingIsSent`, `TooManySecrets`, `ChangedMeanwhile`."""
        _, sealed = self._keys.fresh(tenant, endpoint_id)
        key = self._keys.fresh_key(tenant, endpoint_id)
        moment = self._clock()

        def decide(seen: StoredEndpoint) -> dict[str, object]:
            check_sent_to(seen)
            secrets = rotated(seen.secrets, StoredSecret(sealed=sealed), now=moment, overlap=overlap)
            keys = rotated(seen.signing_keys, key, now=moment, overlap=overlap) if seen.signing_keys else []
            return {"secrets": secrets, "signing_keys": keys}

        return self._keys.shown(await self._change(tenant, endpoint_id, decide), now=moment)

    async def delete(self, tenant: str, endpoint_id: str) -> None:
        """Delete an endpoint. Raises `Missing`, `ChangedMeanwhile`."""
        await self._change(tenant, endpoint_id, lambda seen: {"deleted_at": now(), **_FORGOTTEN})

    async def _change(
        self, tenant: str, endpoint_id: str, decide: Callable[[StoredEndpoint], dict[str, object]]
    ) -> StoredEndpoint:
        for _ in range(ATTEMPTS):
            seen = await self.get(tenant, endpoint_id)
            changed = await self._store.of(tenant).change(seen, decide(seen))
            if changed is not None:
                return await self._told(changed)
        raise ChangedMeanwhile("endpoint")

    async def _told(self, endpoint: StoredEndpoint) -> StoredEndpoint:
        in_force = await self._publication.flush(endpoint.id)
        return endpoint.model_copy(update={"unsent": []}) if in_force else endpoint

    async def _check_connection(self, tenant: str, connection_id: str | None) -> None:
        if connection_id is not None and await self._connections.of(tenant).get(connection_id) is None:
            raise UnknownConnection("ids")

    def _check_url(self, url: str) -> None:
        try:
            check_url(url, guard=self._guard, require_https=self._require_https)
        except UrlRefused as error:
            raise UrlNotAllowed(str(error)) from error
