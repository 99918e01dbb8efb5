"""The document's paths, upon the use cases of our own API."""

from __future__ import annotations

from typing import Any

from edurelay.messages.commands import CommandKind
from edurelay.web.operation import Answer, Call, operation
from edurelay_gateway.connections.models import ConnectionChange, ConnectionCreate, StoredConnection
from edurelay_gateway.connections.service import Connections
from edurelay_gateway.errors import Missing, UnsupportedByProvider
from edurelay_gateway.faces.integrations.models import (
    AttendanceRequest,
    CreateIntegration,
    Integration,
    IntegrationMapping,
    IntegrationProvider,
    ListQuery,
    MappingsQuery,
    StillRunning,
    SyncLog,
    SyncRequest,
    SyncResult,
    TestResult,
    UpdateIntegration,
)
from edurelay_gateway.faces.integrations.reports import Reports
from edurelay_gateway.runs.api import LONGEST_WAIT, outcome_of_test
from edurelay_gateway.runs.models import RunOrder, StoredRun
from edurelay_gateway.runs.service import Runs

TAG = "integrations"

#: Integrations shown in one list; the document's list has no pages.
MOST_INTEGRATIONS = 1000


class IntegrationApi:
    """An integration is a connection, and its institution is the tenant that calls."""

    def __init__(self, connections: Connections, runs: Runs, reports: Reports) -> None:
        self._connections = connections
        self._runs = runs
        self._reports = reports

    @operation(
        "POST",
        "",
        summary="Create an integration",
        tag=TAG,
        body=CreateIntegration,
        answers={201: Integration},
        idempotent=True,
    )
    async def create_integration(self, call: Call[CreateIntegration, None]) -> Answer:
        """For MOODLE and GENERIC_CSV; IDUKAY is not supported yet."""
        wanted = call.body
        if wanted.institution_id.lower() != call.tenant:
            raise Missing("institution")
        if wanted.provider is IntegrationProvider.IDUKAY:
            raise UnsupportedByProvider("The provider IDUKAY is not supported yet.", field="provider")
        created, _ = await self._connections.create(
            call.tenant,
            ConnectionCreate(provider=wanted.provider, config=wanted.config, credentials=wanted.credentials),
        )
        return Answer(201, Integration.of(created))

    @operation("GET", "", summary="List integrations", tag=TAG, query=ListQuery, answers={200: list[Integration]})
    async def list_integrations(self, call: Call[None, ListQuery]) -> Answer:
        """Those of the institution that calls; of another one there are none to be seen."""
        wanted = call.query.institution_id
        if wanted is not None and wanted.lower() != call.tenant:
            return Answer(body=[])
        found = await self._connections.page(call.tenant, limit=MOST_INTEGRATIONS)
        return Answer(body=[Integration.of(each) for each in found if each.provider in list(IntegrationProvider)])

    @operation(
        "PATCH",
        "/{id}",
        summary="Update an integration",
        tag=TAG,
        body=UpdateIntegration,
        answers={200: Integration},
    )
    async def update_integration(self, call: Call[UpdateIntegration, None]) -> Answer:
        """Config and credentials are replaced as a whole."""
        connection = await self._integration(call)
        change = ConnectionChange(**call.body.model_dump(include=call.body.model_fields_set))
        return Answer(body=Integration.of(await self._connections.change(call.tenant, connection.id, change)))

    @operation("DELETE", "/{id}", summary="Delete an integration", tag=TAG, answers={204: None})
    async def delete_integration(self, call: Call[None, None]) -> Answer:
        """What was mapped through it stays."""
        connection = await self._integration(call)
        await self._connections.delete(call.tenant, connection.id)
        return Answer(204)

    @operation(
        "POST",
        "/{id}/test",
        summary="Test the connection",
        tag=TAG,
        answers={200: TestResult, 202: StillRunning},
        idempotent=True,
        waits=True,
    )
    async def test_integration(self, call: Call[None, None]) -> Answer:
        """Answers when the test is done, or 202 with its run when the time is up."""
        run = await self._run(call, RunOrder(kind=CommandKind.TEST))
        if not run.status.terminal:
            return _still_running(run)
        outcome = outcome_of_test(run)
        return Answer(body=TestResult(success=outcome.success, message=outcome.message))

    @operation(
        "POST",
        "/{id}/sync",
        summary="Sync data",
        tag=TAG,
        body=SyncRequest,
        body_required=False,
        answers={200: SyncResult, 202: StillRunning},
        idempotent=True,
        waits=True,
    )
    async def sync_integration(self, call: Call[SyncRequest, None]) -> Answer:
        """Answers when the sync is done, or 202 with its run when the time is up."""
        kind = call.body.entity_type
        run = await self._run(call, RunOrder(entity_types=[kind.inside.value] if kind is not None else None))
        if not run.status.terminal:
            return _still_running(run)
        return Answer(body=await self._reports.sync_result(run, kind))

    @operation(
        "POST",
        "/{id}/send-attendance",
        summary="Send attendance",
        tag=TAG,
        body=AttendanceRequest,
        answers={},
        idempotent=True,
    )
    async def send_attendance(self, call: Call[AttendanceRequest, None]) -> Answer:
        """No provider supports it yet: the answer is 422 with the code `unsupported_by_provider`."""
        connection = await self._integration(call)
        raise UnsupportedByProvider(f"The provider {connection.provider} does not support sending attendance yet.")

    @operation(
        "GET",
        "/{id}/mappings",
        summary="Get mappings",
        tag=TAG,
        query=MappingsQuery,
        answers={200: list[IntegrationMapping]},
    )
    async def list_integration_mappings(self, call: Call[None, MappingsQuery]) -> Answer:
        """Of one kind of entity, or of all."""
        connection = await self._integration(call)
        found = await self._reports.mappings(call.tenant, connection.id, call.query.entity_type)
        return Answer(body=list(found))

    @operation("GET", "/{id}/logs", summary="Get sync logs", tag=TAG, answers={200: SyncLog})
    async def get_sync_log(self, call: Call[None, None]) -> Answer:
        """Where the integration stands."""
        connection = await self._integration(call)
        return Answer(
            body=SyncLog(
                integration_id=connection.id,
                provider=connection.provider,
                status=connection.status,
                last_sync_at=connection.last_sync_at,
                mappings_count=await self._reports.mappings_count(call.tenant, connection.id),
            )
        )

    async def _integration(self, call: Call[Any, Any]) -> StoredConnection:
        """Return the connection, if its provider is one that this document knows."""
        connection = await self._connections.get(call.tenant, call.path["id"])
        if connection.provider not in list(IntegrationProvider):
            raise Missing("integration")
        return connection

    async def _run(self, call: Call[Any, Any], order: RunOrder) -> StoredRun:
        connection = await self._integration(call)
        wait = call.wait_seconds(LONGEST_WAIT) if "Prefer" in call.request.headers else LONGEST_WAIT
        return await self._runs.start(call.tenant, connection.id, order, wait=wait)


def _still_running(run: StoredRun) -> Answer:
    return Answer(202, StillRunning(run_id=run.id, status=run.status), {"Location": f"/v1/runs/{run.id}"})
