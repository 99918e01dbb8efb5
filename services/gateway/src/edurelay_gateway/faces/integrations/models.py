"""The document's words: its fields in camel case, its enums in capitals."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.runs import RunStatus
from edurelay.model import EntityType
from edurelay_gateway.connections.models import SettableStatus, StoredConnection
from edurelay_gateway.mappings.models import Mapping

UuidText = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class IntegrationProvider(StrEnum):
    """The document's providers."""

    IDUKAY = "IDUKAY"
    MOODLE = "MOODLE"
    GENERIC_CSV = "GENERIC_CSV"


class MappingEntityType(StrEnum):
    """The document's kinds of entity, in the order in which they are listed."""

    COURSE = "COURSE"
    GROUP = "GROUP"
    STUDENT = "STUDENT"
    TEACHER = "TEACHER"

    @property
    def inside(self) -> EntityType:
        """The same kind in the canonical model."""
        return EntityType(self.value.lower())


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Request(_Camel):
    model_config = ConfigDict(extra="forbid")


class CreateIntegration(_Request):
    """A new integration."""

    institution_id: UuidText
    provider: IntegrationProvider
    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)


class UpdateIntegration(_Request):
    """What is to be different; what is left out stays."""

    config: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)
    status: SettableStatus = ConnectionStatus.ACTIVE


class SyncRequest(_Request):
    """What to sync: one kind of entity, or everything."""

    entity_type: MappingEntityType | None = None


class AttendanceRequest(_Request):
    """Which session's attendance to send."""

    session_id: str


class ListQuery(_Camel):
    """Whose integrations to list."""

    institution_id: UuidText | None = None


class MappingsQuery(_Camel):
    """Which mappings to list."""

    entity_type: MappingEntityType | None = None


class Integration(_Camel):
    """An integration; its credentials are never shown."""

    id: str
    institution_id: str
    provider: str
    config: dict[str, Any]
    status: ConnectionStatus
    last_sync_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, connection: StoredConnection) -> Integration:
        """Read a connection."""
        shared = cls.model_fields.keys() - {"institution_id"}
        return cls(**connection.model_dump(include=shared), institution_id=connection.tenant)


class IntegrationMapping(_Camel):
    """That an internal and an external id are one."""

    id: str
    integration_id: str
    entity_type: str
    internal_id: str
    external_id: str
    metadata: dict[str, Any]
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, mapping: Mapping) -> IntegrationMapping:
        """Read a mapping."""
        fields = mapping.model_dump(exclude={"connection_id", "entity_type"})
        return cls(**fields, integration_id=mapping.connection_id, entity_type=mapping.entity_type.upper())


class TestResult(_Camel):
    """What a test of the connection found."""

    success: bool
    message: str


class SyncResult(_Camel):
    """What a sync did: how many records are in step now, and what went wrong."""

    success: bool
    synced: int
    errors: list[str]
    mappings: list[IntegrationMapping]


class StillRunning(_Camel):
    """The time is up and the work goes on; `GET /v1/runs/{runId}` follows it."""

    run_id: str
    status: RunStatus


class SyncLog(_Camel):
    """Where an integration stands."""

    integration_id: str
    provider: str
    status: ConnectionStatus
    last_sync_at: str | None
    mappings_count: int
