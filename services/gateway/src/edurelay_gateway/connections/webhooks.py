"""How a connection's webhooks come in: by which address, and by what they are verified.

Both secrets are replaced with an overlap: what was there before goes on being taken until it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from edurelay.messages.ingest import WebhookProfile
from edurelay_gateway.connections.models import (
    FormerAddress,
    SealedKey,
    StoredConnection,
    StoredWebhook,
    WebhookSettings,
)
from edurelay_gateway.connections.secrets import MAX_LIVE, ConnectionSecrets
from edurelay_gateway.errors import InvalidWebhook, TooManySecrets
from edurelay_gateway.ingest.profiles import PROFILES, Profile
from edurelay_gateway.ingest.verification import UnfitSecret, key_of

DEFAULT_TOLERANCE = 300

E = TypeVar("E", SealedKey, FormerAddress)


class Providers(Protocol):
    """Who knows the connectors' manifests."""

    async def webhook_profile(self, provider: str) -> WebhookProfile | None:
        """Return the profile by which a provider's webhooks are verified, if its connector declares one."""


def webhook_path(connection_id: str, secret: str) -> str:
    """Return the path to which a connection's provider sends its webhooks."""
    return f"/in/{connection_id}/{secret}"


def ending(kept: Sequence[E], *, now: float, overlap: float) -> list[E]:
    """Return those that are still live, none of them for longer than `overlap` seconds from `now`. Raises
    `TooManySecrets` where there is no room for one more."""
    end = now + overlap
    shortened = [each.model_copy(update={"expires": min(each.expires or end, end)}) for each in kept]
    live = [each for each in shortened if each.live(now)]
    if len(live) >= MAX_LIVE:
        raise TooManySecrets(MAX_LIVE, "connection")
    return live


class WebhookRules:
    """Decides how webhooks are verified, from what a caller wants and what was there."""

    def __init__(self, secrets: ConnectionSecrets, providers: Providers, *, public_url: str) -> None:
        self._secrets = secrets
        self._providers = providers
        self._public_url = public_url

    async def decide(
        self, tenant: str, connection_id: str, provider: str, wanted: WebhookSettings, seen: StoredWebhook | None
    ) -> StoredWebhook | None:
        """Return what is to be kept, None where nothing is verified. What is left out stays as it was `seen`, as long
        as the profile does. Raises `InvalidWebhook`."""
        profile = await self._profile(provider, wanted, seen)
        if seen is not None and seen.profile is not profile.name:
            seen = None
        header = wanted.header.lower() if wanted.header else seen.header if seen is not None else None
        if header is not None and not profile.names_header:
            raise InvalidWebhook("webhook.header", f"The profile {profile.name} has headers of its own.")
        if header is None and profile.names_header:
            raise InvalidWebhook("webhook.header", f"The profile {profile.name} needs the header of the secret.")
        if profile.needs_url and not self._public_url:
            detail = f"The profile {profile.name} signs the address, and EDURELAY_PUBLIC_URL is not set."
            raise InvalidWebhook("webhook.profile", detail)
        if not profile.verifies:
            if wanted.secrets is not None:
                raise InvalidWebhook("webhook.secrets", "Without a profile there is nothing to verify with a secret.")
            return None
        if wanted.secrets is not None:
            keys = [
                self._sealed(tenant, connection_id, profile, secret, f"webhook.secrets[{index}]")
                for index, secret in enumerate(wanted.secrets)
            ]
        elif seen is not None:
            keys = seen.keys
        else:
            raise InvalidWebhook("webhook.secrets", f"The profile {profile.name} needs a secret.")
        tolerance = wanted.tolerance_seconds or (seen.tolerance_seconds if seen is not None else DEFAULT_TOLERANCE)
        return StoredWebhook(profile=profile.name, keys=keys, tolerance_seconds=tolerance, header=header)

    def rotated(self, seen: StoredConnection, secret: str, *, now: float, overlap: float) -> StoredWebhook:
        """Return what is to be kept with one more `secret`, which will be the only one after `overlap` seconds. Raises
        `InvalidWebhook`, `TooManySecrets`."""
        if seen.webhook is None:
            raise InvalidWebhook("secret", "The connection's webhooks are not verified; set its `webhook` first.")
        profile = PROFILES[seen.webhook.profile]
        new = self._sealed(seen.tenant, seen.id, profile, secret, "secret")
        return seen.webhook.model_copy(update={"keys": [new, *ending(seen.webhook.keys, now=now, overlap=overlap)]})

    async def _profile(self, provider: str, wanted: WebhookSettings, seen: StoredWebhook | None) -> Profile:
        name = wanted.profile or (seen.profile if seen is not None else await self._providers.webhook_profile(provider))
        if name is None:
            raise InvalidWebhook("webhook.profile", f"The connector of {provider} has no profile of its own; name one.")
        return PROFILES[name]

    def _sealed(self, tenant: str, connection_id: str, profile: Profile, secret: str, field: str) -> SealedKey:
        try:
            key_of(profile, secret)
        except UnfitSecret as error:
            raise InvalidWebhook(field, str(error)) from None
        return SealedKey(sealed=self._secrets.seal_signing_secret(tenant, connection_id, secret))
