"""Of three brokers one is lost for good: the other two go on as if nothing had happened."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from edurelay_cli.stack import LocalStack
from faults.conftest import Begin, stack_in
from faults.invariants import hold
from faults.school import School

pytestmark = pytest.mark.timeout(900)

#: What is started in the place of a machine that is gone.
NOTHING = [sys.executable, "-c", "import time; time.sleep(86400)"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory, school: School) -> AsyncIterator[LocalStack]:
    """Edurelay on loopback, with three brokers."""
    async with stack_in(tmp_path_factory.mktemp("cluster"), school, brokers=3) as running:
        yield running


async def test_the_loss_of_one_broker_of_three_loses_nothing(cluster: LocalStack, begin: Begin) -> None:
    async with begin(cluster) as trial:
        broker = f"kafka-{trial.random.randint(1, 3)}"
        await trial.some_events_received()
        cluster.process(broker).command = NOTHING
        await trial.kill(broker)
        hold(await trial.come_to_rest())
