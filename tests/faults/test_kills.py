"""kill -9 of anything at any moment: nothing is lost, nothing is invented, and it goes on by itself."""

from __future__ import annotations

import pytest

from edurelay_cli.stack import LocalStack
from faults.conftest import Begin
from faults.invariants import hold

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("victim", ["gateway", "connector-runner", "mapping", "webhook-dispatcher", "kafka-1", "mongo"])
async def test_a_kill_loses_nothing_and_invents_nothing(stack: LocalStack, begin: Begin, victim: str) -> None:
    async with begin(stack) as trial:
        await trial.some_batches_sent()
        await trial.kill(victim)
        await trial.some_events_received()
        await trial.kill(victim)
        hold(await trial.come_to_rest())
