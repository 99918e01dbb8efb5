"""The connector runner: which connectors there are, and whether they accept a configuration."""

from __future__ import annotations

from typing import Any

from edurelay.messages.ingest import WebhookProfile
from edurelay.web.internal import InternalClient, internal_path
from edurelay.web.problems import Problem
from edurelay_gateway.errors import InvalidConnection, UnknownProvider, UnknownStream
from edurelay_gateway.memory import ShortMemory
from edurelay_gateway.providers.models import Provider, ProviderList

#: Connectors come and go with a new release only.
REMEMBER_SECONDS = 10.0


class RunnerService:
    """Asks the runner. Each method raises `UpstreamUnavailable`."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client
        self._known: ShortMemory[None, list[Provider]] = ShortMemory(self._load, seconds=REMEMBER_SECONDS)

    async def providers(self) -> list[Provider]:
        """Return the manifests of all connectors."""
        return await self._known.get(None)

    async def validate(self, provider: str, config: dict[str, Any], credentials: dict[str, Any]) -> None:
        """Check a configuration. Raises `UnknownProvider`, `InvalidConnection`."""
        path = internal_path("providers", provider, "validate")
        try:
            await self._client.post(path, {"config": config, "credentials": credentials})
        except Problem as problem:
            if problem.status == 404:
                raise UnknownProvider(provider) from problem
            if problem.status == 422:
                raise _invalid(problem) from problem
            raise

    async def check_streams(self, provider: str, streams: list[str]) -> None:
        """Check the names of streams, where the provider declares its own; what depends on a connection's config is
        checked by the run. Raises `UnknownStream`."""
        manifest = next((each for each in await self.providers() if each.provider == provider), None)
        known = [stream.name for stream in manifest.streams] if manifest is not None else []
        if not known:
            return
        for index, stream in enumerate(streams):
            if stream not in known:
                raise UnknownStream(index, known)

    async def webhook_profile(self, provider: str) -> WebhookProfile | None:
        """Return the profile by which a provider's webhooks are verified, if its connector declares one known here."""
        declared = next((each.webhook_profile for each in await self.providers() if each.provider == provider), None)
        return WebhookProfile(declared) if declared in set(WebhookProfile) else None

    async def _load(self, _: None) -> list[Provider]:
        return (await self._client.get("/internal/providers", ProviderList)).data


def _invalid(problem: Problem) -> InvalidConnection:
    """Return what the connector said, its first complaint as the one that is told where only one can be."""
    first = problem.errors[0] if problem.errors else {"field": problem.field or "config", "detail": problem.detail}
    return InvalidConnection(f"{first['field']}: {first['detail']}", first["field"], problem.errors)
