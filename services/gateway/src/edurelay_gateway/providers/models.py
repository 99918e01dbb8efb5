"""Connector manifests as callers see them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ProviderStream(BaseModel):
    """One kind of record that a provider has."""

    model_config = ConfigDict(extra="allow")

    name: str
    entity_type: str


class Provider(BaseModel):
    """A connector: what it reads, and what its connections have to be told, as JSON Schemas."""

    model_config = ConfigDict(extra="allow")

    provider: str
    title: str = ""
    summary: str = ""
    config_schema: dict[str, Any]
    credentials_schema: dict[str, Any]
    streams: list[ProviderStream]
    capabilities: list[str] = []
    webhook_profile: str | None = None


class ProviderList(BaseModel):
    """The connectors that there are."""

    data: list[Provider]
    next_cursor: str | None = None
