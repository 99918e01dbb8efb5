"""What a run's end means for its connection, and what a test's run means for who asked."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.runs import RunStatus
from edurelay_gateway.connections.models import StoredConnection
from edurelay_gateway.runs.api import outcome_of_test
from edurelay_gateway.runs.models import StoredRun
from edurelay_gateway.runs.projection import status_after

ACTIVE, INACTIVE, ERROR = ConnectionStatus.ACTIVE, ConnectionStatus.INACTIVE, ConnectionStatus.ERROR


def connection(status: ConnectionStatus) -> StoredConnection:
    return StoredConnection(
        id="c",
        tenant="t",
        provider="MOODLE",
        name="n",
        config={},
        credentials=None,
        streams=None,
        status=status,
        version=1,
        webhook_secret="s",
        webhook_hash="h",
        created_at="2026-01-01T00:00:00.000Z",
        updated_at="2026-01-01T00:00:00.000Z",
    )


@pytest.mark.parametrize(
    ("before", "outcome", "after"),
    [
        (ACTIVE, RunStatus.FAILED, ERROR),
        (ACTIVE, RunStatus.SUCCEEDED, ACTIVE),
        (ACTIVE, RunStatus.CANCELLED, ACTIVE),
        (ERROR, RunStatus.SUCCEEDED, ACTIVE),
        (ERROR, RunStatus.FAILED, ERROR),
        (ERROR, RunStatus.CANCELLED, ERROR),
        (INACTIVE, RunStatus.SUCCEEDED, INACTIVE),
        (INACTIVE, RunStatus.FAILED, INACTIVE),
    ],
)
def test_the_status_follows_the_last_run_unless_somebody_set_it_inactive(
    before: ConnectionStatus, outcome: RunStatus, after: ConnectionStatus
) -> None:
    assert status_after(connection(before), outcome) is after


def run(status: RunStatus, **fields: Any) -> StoredRun:
    return StoredRun(
        id="r", tenant="t", connection_id="c", kind="test", status=status, requested_at="x", created_at="x", **fields
    )


def test_a_good_test_says_what_the_connector_said() -> None:
    outcome = outcome_of_test(run(RunStatus.SUCCEEDED, result={"ok": True, "message": "Moodle 4.5", "problems": []}))
    assert (outcome.success, outcome.message) == (True, "Moodle 4.5")


def test_a_test_that_ended_well_but_found_problems_is_no_success() -> None:
    outcome = outcome_of_test(run(RunStatus.SUCCEEDED, result={"ok": False, "message": "no", "problems": ["do x"]}))
    assert (outcome.success, outcome.problems) == (False, ["do x"])


def test_a_test_that_failed_says_why() -> None:
    outcome = outcome_of_test(run(RunStatus.FAILED, error="The provider no longer takes these credentials."))
    assert (outcome.success, outcome.message) == (False, "The provider no longer takes these credentials.")
