"""What the runner tells its siblings over HTTP: which connectors there are, and whether a configuration fits one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edurelay.web.operation import Answer, Call, operation
from edurelay.web.problems import Problem
from edurelay_connector_runner.sdk import ConfigurationError, Manifest
from edurelay_connector_runner.sdk.registry import Registry


class Providers(BaseModel):
    """The manifests of all connectors."""

    data: list[Manifest]


class Configuration(BaseModel):
    """What a connection would be configured with."""

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] = {}
    credentials: dict[str, Any] = {}


class ProvidersApi:
    """The runner's operations."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation(
        "GET",
        "/internal/providers",
        summary="All connectors",
        tag="providers",
        auth="internal",
        answers={200: Providers},
    )
    async def list_providers(self, call: Call[None, None]) -> Answer:
        """Return the manifests, ordered by provider."""
        return Answer(body=Providers(data=self._registry.manifests()))

    @operation(
        "POST",
        "/internal/providers/{provider}/validate",
        summary="Check a configuration",
        tag="providers",
        auth="internal",
        body=Configuration,
        answers={204: None},
    )
    async def validate_configuration(self, call: Call[Configuration, None]) -> Answer:
        """Hold config and credentials against the connector's models. A 422 names every field that does not fit."""
        try:
            connector = self._registry.connector(call.path["provider"])
        except ConfigurationError as error:
            raise Problem(404, "unknown_provider", str(error), field="provider") from error
        errors = [
            *_errors("config", connector.Config, call.body.config),
            *_errors("credentials", connector.Credentials, call.body.credentials),
        ]
        if errors:
            raise Problem(422, "invalid_configuration", "The configuration does not fit the connector.", errors=errors)
        return Answer(status=204)


def _errors(part: str, model: type[BaseModel], value: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is wrong with one part. The values themselves are left out: they may be secrets."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [
            {"field": ".".join([part, *map(str, each["loc"])]), "code": each["type"], "detail": each["msg"]}
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    return []
