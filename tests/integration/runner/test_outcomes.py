"""The outcomes of a run are asked for under however many leases it was read."""

from __future__ import annotations

from collections import Counter

import pytest

from edurelay.messages.records import RecordBatch
from edurelay.messages.runs import Counts
from edurelay_connector_runner.mapping_client import MappingClient
from edurelay_connector_runner.runs.state import Segment
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.mortal import Surroundings


def a_batch(tenant: str, epoch: int) -> RecordBatch:
    """Return the one batch that a run sent under a lease."""
    return {
        "run_id": "run",
        "epoch": epoch,
        "sequence": 1,
        "tenant": tenant,
        "connection_id": "c",
        "stream": "students",
        "entity_type": "student",
        "read_at": "2026-01-01T00:00:00.000Z",
        "records": [],
        "rejected": [],
    }


@pytest.mark.parametrize("leases", [0, 1, 1_000, 1_001, 2_500])
async def test_outcomes_are_added_up_over_all_leases(
    mapping: MappingStandIn, mapping_url: str, tenant: str, leases: int
) -> None:
    counted = range(2, leases)
    mapping.outcomes = {f"run:{epoch}:1": (a_batch(tenant, epoch), Counter(source=1, created=1)) for epoch in counted}
    segments = [Segment(epoch, 1) for epoch in range(1, leases + 1)]
    async with Surroundings.client(mapping_url) as http:
        outcomes = await MappingClient(http).outcomes(tenant, "run", segments)
    assert outcomes.missing == leases - len(counted)
    assert outcomes.streams.get("students", Counts()) == Counts(source=len(counted), created=len(counted))
