"""SIGTERM under load: the service ends in time with exit code 0, and neither loses nor repeats anything."""

from __future__ import annotations

import pytest

from edurelay_cli.stack import LocalStack
from faults.conftest import Begin
from faults.invariants import hold

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: The budget that services have by default, and a little for the interpreter's own end, in seconds.
DRAIN_SECONDS = 20.0 + 3.0


@pytest.mark.parametrize("service", ["gateway", "connector-runner", "mapping", "webhook-dispatcher"])
async def test_a_stop_under_load_is_clean(stack: LocalStack, begin: Begin, service: str) -> None:
    async with begin(stack) as trial:
        await trial.some_batches_sent()
        assert await trial.terminate(service, DRAIN_SECONDS) == 0
        await trial.some_events_received()
        assert await trial.terminate(service, DRAIN_SECONDS) == 0
        evidence = await trial.come_to_rest()
    hold(evidence)
    assert evidence.repeated == 0
    assert evidence.copies == 0
    assert evidence.first.counts.source == evidence.school.size
