"""Tenants and keys as the administration sees them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TenantCreate(BaseModel):
    """A new tenant, such as a school."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)


class TenantView(BaseModel):
    """A tenant; its id is the `institutionId` of the documented faces."""

    id: str
    name: str
    created_at: str


class TenantPage(BaseModel):
    """Some tenants, the newest first."""

    data: list[TenantView]
    next_cursor: str | None = None


class KeyCreate(BaseModel):
    """A new API key; `name` reminds people of what it is for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200)


class KeyView(BaseModel):
    """An API key without its secret: `id` is the part that stands in the key's text behind `edr_`."""

    id: str
    name: str
    created_at: str


class KeyCreated(KeyView):
    """A new key. `api_key` is shown this one time, and kept nowhere."""

    api_key: str


class KeyList(BaseModel):
    """The keys of a tenant that work."""

    data: list[KeyView]
    next_cursor: str | None = None
