"""SIGTERM under load: each service ends in time with exit code 0, and nothing is lost or comes twice."""

from __future__ import annotations

import pytest

from edurelay_cli.stack import LocalStack
from faults.conftest import Begin
from faults.invariants import hold

pytestmark = pytest.mark.timeout(900)

#: The budget that services have by default, and for the interpreter's own end what a busy machine may need, in seconds.
DRAIN_SECONDS = 20.0 + 25.0


async def test_a_rolling_restart_under_load_loses_and_repeats_nothing(stack: LocalStack, begin: Begin) -> None:
    async with begin(stack) as trial:
        # The runner is the first to have done its part.
        await trial.some_batches_sent()
        assert await trial.terminate("connector-runner", DRAIN_SECONDS) == 0
        others = ["gateway", "mapping", "webhook-dispatcher"]
        for service in trial.random.sample(others, len(others)):
            await trial.some_more_events_received()
            assert await trial.terminate(service, DRAIN_SECONDS) == 0
        evidence = await trial.come_to_rest()
    hold(evidence)
    assert evidence.repeated == 0
    assert evidence.copies == 0
    assert evidence.first.counts.source == evidence.school.size
