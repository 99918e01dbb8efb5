"""`/v1/providers`."""

from __future__ import annotations

from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.neighbours.runner import RunnerService
from edurelay_gateway.providers.models import ProviderList


class ProviderApi:
    """The connectors that there are."""

    def __init__(self, runner: RunnerService) -> None:
        self._runner = runner

    @operation("GET", "/v1/providers", summary="List the connectors", tag="providers", answers={200: ProviderList})
    async def list_providers(self, call: Call[None, None]) -> Answer:
        """With the JSON Schemas of their config and credentials."""
        return Answer(body=ProviderList(data=await self._runner.providers()))
