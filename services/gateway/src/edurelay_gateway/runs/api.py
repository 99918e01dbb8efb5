"""`/v1/runs`, what starts one, and the test of a connection, which is a run as well."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import RunStatus
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.paging import PageQuery
from edurelay_gateway.connections.models import ConnectionTest
from edurelay_gateway.pages import after, cut
from edurelay_gateway.runs.models import RejectedPage, RunCreate, RunOrder, RunPage, RunView, StoredRun
from edurelay_gateway.runs.service import Runs

#: The longest that a call waits for the end of a run, and how long a test waits by itself, in seconds.
LONGEST_WAIT = 60.0
TEST_WAIT = 30.0

ConnectionId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class RunQuery(PageQuery):
    """Which runs to list."""

    connection: ConnectionId | None = Field(default=None, description="Only those of this connection.")
    status: RunStatus | None = None
    kind: CommandKind | None = None


class RunApi:
    """A tenant's runs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    @operation(
        "POST",
        "/v1/connections/{connection_id}/test",
        summary="Test a connection",
        tag="connections",
        answers={200: ConnectionTest, 202: RunView},
        idempotent=True,
        waits=True,
    )
    async def test_connection(self, call: Call[None, None]) -> Answer:
        """Waits 30 seconds unless `Prefer` says otherwise; when they are up, the answer is the run of the test."""
        wait = call.wait_seconds(LONGEST_WAIT) if "Prefer" in call.request.headers else TEST_WAIT
        order = RunOrder(kind=CommandKind.TEST)
        run = await self._runs.start(call.tenant, call.path["connection_id"], order, wait=wait)
        if not run.status.terminal:
            return _told(run)
        return Answer(body=outcome_of_test(run))

    @operation(
        "POST",
        "/v1/connections/{connection_id}/runs",
        summary="Start a run",
        tag="runs",
        body=RunCreate,
        body_required=False,
        answers={200: RunView, 202: RunView},
        idempotent=True,
        waits=True,
    )
    async def start_run(self, call: Call[RunCreate, None]) -> Answer:
        """202 with the run, or with `Prefer: wait=N` 200 once it has ended. A connection has one run at a time: 409
        `SYNC_IN_PROGRESS` names the one that it has."""
        order = RunOrder(**call.body.model_dump())
        wait = call.wait_seconds(LONGEST_WAIT)
        return _told(await self._runs.start(call.tenant, call.path["connection_id"], order, wait=wait))

    @operation("GET", "/v1/runs", summary="List the runs", tag="runs", query=RunQuery, answers={200: RunPage})
    async def list_runs(self, call: Call[None, RunQuery]) -> Answer:
        """The newest first."""
        query = call.query
        found = await self._runs.page(
            call.tenant,
            connection_id=query.connection,
            status=query.status,
            kind=query.kind,
            limit=query.limit + 1,
            after=after(query),
        )
        page, cursor = cut(found, query.limit)
        return Answer(body=RunPage(data=[each.view() for each in page], next_cursor=cursor))

    @operation("GET", "/v1/runs/{run_id}", summary="Show a run", tag="runs", answers={200: RunView}, waits=True)
    async def get_run(self, call: Call[None, None]) -> Answer:
        """With `Prefer: wait=N` the answer comes once the run has ended, or when the time is up."""
        wait = call.wait_seconds(LONGEST_WAIT)
        return Answer(body=(await self._runs.get(call.tenant, call.path["run_id"], wait=wait)).view())

    @operation(
        "POST",
        "/v1/runs/{run_id}/cancel",
        summary="Cancel a run",
        tag="runs",
        answers={202: RunView},
        idempotent=True,
    )
    async def cancel_run(self, call: Call[None, None]) -> Answer:
        """The runner ends it as soon as it can; what it has read until then stays."""
        run = await self._runs.cancel(call.tenant, call.path["run_id"])
        return Answer(202, run.view(), _location(run))

    @operation(
        "GET",
        "/v1/runs/{run_id}/rejected",
        summary="List the records that a run rejected",
        tag="runs",
        query=PageQuery,
        answers={200: RejectedPage},
    )
    async def list_rejected(self, call: Call[None, PageQuery]) -> Answer:
        """Each with its reason, and where it stood."""
        query = call.query
        rejected = await self._runs.rejected(call.tenant, call.path["run_id"], limit=query.limit, cursor=query.cursor)
        return Answer(body=rejected)

    @operation(
        "POST",
        "/v1/runs/{run_id}/reprocess",
        summary="Try the rejected records of a run again",
        tag="runs",
        answers={200: RunView, 202: RunView},
        idempotent=True,
        waits=True,
    )
    async def reprocess_run(self, call: Call[None, None]) -> Answer:
        """Starts a new run over the records that this one rejected."""
        wait = call.wait_seconds(LONGEST_WAIT)
        return _told(await self._runs.reprocess(call.tenant, call.path["run_id"], wait=wait))


def outcome_of_test(run: StoredRun) -> ConnectionTest:
    """Return what a test's run found: the connector's own report, or why there is none."""
    report = run.result or {}
    succeeded = run.status is RunStatus.SUCCEEDED
    message = report.get("message") or run.error or ("Connection successful" if succeeded else "The test failed.")
    return ConnectionTest(
        success=succeeded and bool(report.get("ok", True)),
        message=str(message),
        problems=[str(problem) for problem in report.get("problems", [])],
        details=report.get("details") or {},
        run_id=run.id,
    )


def _told(run: StoredRun) -> Answer:
    return Answer(200 if run.status.terminal else 202, run.view(), _location(run))


def _location(run: StoredRun) -> dict[str, str]:
    return {"Location": f"/v1/runs/{run.id}"}
