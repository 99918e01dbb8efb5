"""The documented connector contract: connect, testConnection, syncStudents, syncCourses, sendAttendance, disconnect.

The engine speaks the five verbs of `Connector`. Whoever was promised the contract of the integration module's
document gets it from `SisConnector`, which is written in those verbs only, so each connector meets it unchanged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edurelay.model import Entity, EntityType
from edurelay_connector_runner.sdk.connector import Connector, Context, Files, OutboundRecord
from edurelay_connector_runner.sdk.errors import BadRecord, ConnectorError
from edurelay_connector_runner.sdk.http import HttpClient
from edurelay_connector_runner.sdk.reading import reading

#: The stream that a connector declares where it takes attendance.
ATTENDANCE = "attendance"


@dataclass(frozen=True, slots=True)
class IntegrationMapping:
    """One line of the id map, as the document shows it."""

    entity_type: EntityType
    internal_id: str
    external_id: str


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did; `errors` has one sentence for each record or stream that failed."""

    success: bool
    synced: int
    errors: list[str] = field(default_factory=list)
    mappings: list[IntegrationMapping] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of the attendance of one session."""

    success: bool
    sent: int
    errors: list[str] = field(default_factory=list)


class Institution(Protocol):
    """The inside of a sync: where entities go, and where the attendance of a session comes from."""

    async def keep(self, institution_id: str, external_id: str, entity: Entity) -> IntegrationMapping:
        """Store one entity of an institution, and return its line of the id map."""

    def attendance(self, session_id: str) -> AsyncIterator[OutboundRecord]:
        """Yield the attendance records of one session."""


class SisConnector:
    """A `Connector` behind the documented contract. It is used by one caller at a time."""

    def __init__(self, kind: type[Connector], institution: Institution, http: HttpClient, files: Files) -> None:
        self._kind = kind
        self._institution = institution
        self._http = http
        self._files = files
        self._connector: Connector | None = None

    async def connect(self, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> bool:
        """Open the connector. Raises `ConfigurationError` where config or credentials do not fit."""
        await self.disconnect()
        self._connector = self._kind(Context(config, credentials, self._http, self._files))
        return True

    async def test_connection(self) -> bool:
        """Return whether the connection would work."""
        try:
            return (await self._open().check()).ok
        except ConnectorError:
            return False

    async def sync_students(self, institution_id: str) -> SyncResult:
        """Read every student."""
        return await self._sync(institution_id, EntityType.STUDENT)

    async def sync_courses(self, institution_id: str) -> SyncResult:
        """Read every course."""
        return await self._sync(institution_id, EntityType.COURSE)

    async def send_attendance(self, session_id: str) -> SendResult:
        """Send the attendance of one session to the provider."""
        try:
            report = await self._open().push(ATTENDANCE, self._institution.attendance(session_id))
        except ConnectorError as error:
            return SendResult(False, 0, [str(error)])
        return SendResult(not report.errors, report.sent, list(report.errors))

    async def disconnect(self) -> None:
        """Close the connector; without one this does nothing."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    def _open(self) -> Connector:
        if self._connector is None:
            raise ConnectorError("connect has to be called first")
        return self._connector

    async def _sync(self, institution_id: str, entity_type: EntityType) -> SyncResult:
        connector = self._open()
        mappings: list[IntegrationMapping] = []
        errors: list[str] = []
        for stream in connector.streams():
            if stream.entity_type is not entity_type:
                continue
            try:
                await self._read(connector, stream.name, institution_id, mappings, errors)
            except ConnectorError as error:
                errors.append(f"{stream.name}: {error}")
        return SyncResult(not errors, len(mappings), errors, mappings)

    async def _read(
        self,
        connector: Connector,
        stream: str,
        institution_id: str,
        mappings: list[IntegrationMapping],
        errors: list[str],
    ) -> None:
        async with reading(connector, stream, None) as pages:
            async for page in pages:
                errors.extend(f"{rejection.where or stream}: {rejection.reason}" for rejection in page.rejected)
                for record in page.records:
                    try:
                        external_id, entity = connector.convert(stream, record.raw)
                    except BadRecord as error:
                        errors.append(f"{record.where or stream}: {error.reason}")
                    else:
                        mappings.append(await self._institution.keep(institution_id, external_id, entity))
