"""A dry run shows what it would reject, as far as there is room for it."""

from __future__ import annotations

import orjson

from edurelay_connector_runner.records.conversion import ConvertedPage
from edurelay_connector_runner.records.sinks import Rehearsal
from edurelay_connector_runner.records.storable import MAX_RESULT
from edurelay_connector_runner.runs.state import RunState
from integration.runner.scripted import STUDENTS
from unit.runner.commands import a_sync


async def test_a_dry_run_counts_every_rejection_and_shows_as_many_as_fit_into_its_result() -> None:
    command = a_sync(dry_run=True)
    state, sink = RunState(command), Rehearsal()
    for _ in range(10):
        page = ConvertedPage(rejected=[{"reason": "\x01" * 1_000, "where": "\x01" * 1_000}] * 10)
        await sink.take(state, STUDENTS, page, "2026-01-01T00:00:00.000Z")
    assert state.result is not None
    assert (state.result["rejected"], len(orjson.dumps(state.result)) <= MAX_RESULT) == (100, True)
    assert 10 < len(state.result["rejections"]) < 100
