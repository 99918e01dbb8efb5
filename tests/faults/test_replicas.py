"""Three dispatchers share the work: those that are killed are stood in for, and share it again when they are back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from edurelay_cli.stack import LocalStack
from faults.conftest import Begin, stack_in
from faults.invariants import hold
from faults.school import School

pytestmark = pytest.mark.timeout(900)

DISPATCHERS = ["webhook-dispatcher", "webhook-dispatcher-2", "webhook-dispatcher-3"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory, school: School) -> AsyncIterator[LocalStack]:
    """Edurelay on loopback, with three dispatchers."""
    async with stack_in(tmp_path_factory.mktemp("shared"), school, dispatchers=3) as running:
        yield running


async def test_dispatchers_that_die_are_stood_in_for(shared: LocalStack, begin: Begin) -> None:
    async with begin(shared) as trial:
        first, second, third = trial.random.sample(DISPATCHERS, 3)
        await trial.some_events_received()
        await trial.kill(first)
        await trial.kill(second)
        await trial.some_more_events_received()
        await trial.kill(third)
        hold(await trial.come_to_rest())
