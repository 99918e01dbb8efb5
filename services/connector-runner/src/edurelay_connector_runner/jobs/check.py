"""A test of a connection: whether it would work, and what is missing where it would not."""

from __future__ import annotations

import asyncio
from typing import Any

from edurelay.messages.runs import RunStatus
from edurelay_connector_runner.opening import Opening
from edurelay_connector_runner.records import storable
from edurelay_connector_runner.runs.active import ActiveRun
from edurelay_connector_runner.sdk import CheckReport, ConnectorError, Transient

#: Somebody is waiting for the answer, so that a provider in trouble is not waited for.
SECONDS = 60.0
CHECK_FAILED = "CHECK_FAILED"


class Check:
    """Runs the commands of kind TEST."""

    def __init__(self, opening: Opening, *, seconds: float = SECONDS) -> None:
        self._opening = opening
        self._seconds = seconds

    async def __call__(self, run: ActiveRun) -> RunStatus:
        """Ask the connector, and return whether it said yes; its report becomes the run's result."""
        state = run.state
        run.go_on()
        try:
            report, code = await run.unless_stopped(self._ask(state.command.tenant, state.command.connection_id))
        except ConnectorError as error:
            report, code = CheckReport(ok=False, message=str(error)), error.code
        state.result = _result(report)
        if report.ok:
            return RunStatus.SUCCEEDED
        state.error_code, state.error = code, storable.readable(report.message)
        return RunStatus.FAILED

    async def _ask(self, tenant: str, connection_id: str) -> tuple[CheckReport, str]:
        """Return the connector's report, and the code of a bad one. Raises `ConnectorError` where there is none to
        ask."""
        async with self._opening.open(tenant, connection_id) as opened:
            try:
                async with asyncio.timeout(self._seconds):
                    return await opened.connector.check(), CHECK_FAILED
            except TimeoutError:
                decision = opened.judge(Transient(f"no answer within {self._seconds:g} s"), 1)
            # A connector's own code: whatever it raises is the answer to the test.
            except Exception as error:
                decision = opened.judge(error, 1)
            return CheckReport(ok=False, message=decision.reason), decision.code


def _result(report: CheckReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "message": storable.readable(report.message),
        "problems": storable.nearest(list(report.problems)),
        "details": storable.nearest(dict(report.details)),
    }
