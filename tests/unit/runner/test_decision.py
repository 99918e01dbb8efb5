"""What happens after an error is decided by its kind and by how often it was met, and by nothing else."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.runs.decision import (
    LONGEST_THROTTLE,
    FailRun,
    FailStream,
    Patience,
    SetAside,
)
from edurelay_connector_runner.sdk import (
    AuthExpired,
    BadRecord,
    ConfigurationError,
    ConnectorError,
    NotPermitted,
    Permanent,
    Throttled,
    Transient,
)

PATIENCE = Patience()


@pytest.mark.parametrize("error", [AuthExpired("no"), ConfigurationError("no")])
def test_what_somebody_has_to_change_ends_the_run(error: ConnectorError) -> None:
    assert PATIENCE.after(error, 1) == FailRun(error.code, "no")


@pytest.mark.parametrize("error", [Permanent("no"), BadRecord("no"), ConnectorError("no")])
def test_what_would_fail_again_ends_the_stream(error: ConnectorError) -> None:
    assert PATIENCE.after(error, 1) == FailStream(error.code, "no")


def test_a_right_that_is_missing_ends_its_stream_and_not_the_run() -> None:
    assert PATIENCE.after(NotPermitted("no"), 1) == FailStream("INVALID_CONFIGURATION", "no")


@pytest.mark.parametrize(("asked", "granted"), [(90.0, 90.0), (0.0, 1.0), (-5.0, 1.0), (1e9, LONGEST_THROTTLE)])
def test_a_provider_that_asks_for_a_pause_gets_it_in_full_however_often_it_asks(asked: float, granted: float) -> None:
    assert PATIENCE.after(Throttled(asked, "slow"), PATIENCE.attempts * 2) == SetAside(
        granted, "PROVIDER_THROTTLED", "slow"
    )


def test_a_passing_failure_is_tried_again_and_then_fails_the_stream() -> None:
    outcomes = [PATIENCE.after(Transient("503"), attempts) for attempts in range(1, PATIENCE.attempts + 1)]
    assert all(isinstance(outcome, SetAside) for outcome in outcomes[:-1])
    assert outcomes[-1] == FailStream("PROVIDER_UNAVAILABLE", f"503 ({PATIENCE.attempts} attempts)")


def test_pauses_double_up_to_a_bound() -> None:
    assert 0.8 <= PATIENCE.pause(1) <= 1.2
    assert 3.2 <= PATIENCE.pause(3) <= 4.8
    assert PATIENCE.pause(50) <= PATIENCE.longest_pause * 1.2


def test_an_error_that_nobody_expected_fails_the_stream_without_its_text() -> None:
    decision = PATIENCE.after(KeyError("secret-token"), 1)
    assert decision == FailStream("CONNECTOR_ERROR", "the connector failed unexpectedly (KeyError)")
