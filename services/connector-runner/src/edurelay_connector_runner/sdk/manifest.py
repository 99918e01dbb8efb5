"""What a connector says of itself, before anything of it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

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

    requests: int
    seconds: float
    concurrent: int


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
    `credentials_schema` are JSON Schemas. A connector whose streams depend on its config declares none here and
    overrides `Connector.streams`."""

    provider: str
    title: str
    version: str
    summary: str
    config_schema: dict[str, Any]
    credentials_schema: dict[str, Any]
    streams: tuple[Stream, ...]
    capabilities: frozenset[Capability] = frozenset()
    rate_limit: RateLimit | None = None
