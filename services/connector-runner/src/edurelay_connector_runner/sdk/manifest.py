"""What a connector says of itself, before anything of it runs."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from edurelay.messages.ingest import WebhookProfile
from edurelay.model import EntityType


class Capability(StrEnum):
    """What a connector can do beyond reading a stream in full."""

    INCREMENTAL = "incremental"
    FETCH = "fetch"
    PUSH = "push"
    WEBHOOKS = "webhooks"


class Declaration(BaseModel):
    """A part of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RateLimit(Declaration):
    """At most `requests` requests in `seconds` seconds, `concurrent` of them at once."""

    requests: int = Field(ge=1)
    seconds: float = Field(gt=0)
    concurrent: int = Field(ge=1)


class Stream(Declaration):
    """One kind of record of a provider: `primary_key` names the fields that identify a record there, `cursor` the
    field that tells new from old, and `depends_on` the streams that have to be read before this one."""

    name: str
    entity_type: EntityType
    primary_key: tuple[str, ...]
    cursor: str | None = None
    depends_on: tuple[str, ...] = ()


class Manifest(Declaration):
    """A connector's manifest. `provider` is the name by which connections name it (`MOODLE`); `config_schema` and
    `credentials_schema` are JSON Schemas; `webhook_profile` is how the provider's webhooks are verified unless a
    connection says otherwise. A connector whose streams depend on its config declares none here and
    overrides `Connector.streams`."""

    provider: str
    title: str
    version: str
    summary: str
    config_schema: dict[str, Any]
    credentials_schema: dict[str, Any]
    streams: tuple[Stream, ...] = ()
    capabilities: frozenset[Capability] = frozenset()
    webhook_profile: WebhookProfile | None = None
    rate_limit: RateLimit | None = None

    @field_serializer("capabilities")
    def _in_order(self, capabilities: frozenset[Capability]) -> list[str]:
        """Write them in one order always: what is generated from manifests is compared."""
        return sorted(capabilities)

    @classmethod
    def load(cls, package_folder: Path, config_model: type[BaseModel], credentials_model: type[BaseModel]) -> Self:
        """Read `manifest.toml` in a connector's folder; the two schemas come from its pydantic models.

        Keys: `provider`, `title`, `version`, `summary`, `capabilities`, `webhook_profile`, `[rate_limit]`,
        `[[streams]]`. Raises `ValueError` where the file is no manifest, which is a mistake of the connector's author.
        """
        declared = tomllib.loads((package_folder / "manifest.toml").read_text("utf-8"))
        return cls(
            **declared,
            config_schema=config_model.model_json_schema(),
            credentials_schema=credentials_model.model_json_schema(),
        )
