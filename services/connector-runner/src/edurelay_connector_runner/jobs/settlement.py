"""Waiting until everything that was sent is counted, so that green means counted (invariant 6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edurelay.messages.runs import RunStatus
from edurelay.runtime.logging import get_logger
from edurelay_connector_runner.mapping import Mapping, MappingUnavailable
from edurelay_connector_runner.runs.active import PROGRESS_EVERY, ActiveRun
from edurelay_connector_runner.runs.decision import SetAside
from edurelay_connector_runner.runs.interruption import Fenced, SettingAside
from edurelay_connector_runner.runs.state import RunState

log = get_logger(__name__)

WAITING = "WAITING_FOR_OUTCOMES"
MISSING = "OUTCOMES_MISSING"


class Settlement:
    """Asks the mapping service what became of a run's batches.

    A run waits for `slice_seconds` at a time and is set aside in between, so that a mapping service that is away
    does not keep the workers busy. Outcomes that are still missing after `patience` seconds, while the mapping
    service answers, fail the run.
    """

    def __init__(self, mapping: Mapping, *, slice_seconds: float = 5.0, patience: float = 3600.0) -> None:
        self._mapping = mapping
        self._slice = slice_seconds
        self._patience = patience

    async def settle(self, run: ActiveRun) -> bool:
        """Wait until every batch of the run has an outcome, and keep the counts in its state. Raises `SettingAside`
        where that takes longer. Returns False for a cancelled run that was not waited for any longer."""
        state = run.state
        if state.status is not RunStatus.SETTLING:
            state.status, state.settling_since = RunStatus.SETTLING, time.time()
            await run.save()
        clock = asyncio.get_running_loop().time
        until, delay = clock() + self._slice, 0.1
        while True:
            reason = await self._ask(state)
            if reason is None or state.error_code == MISSING:
                return True
            if clock() >= until:
                if run.cancelled:
                    return False
                raise SettingAside(SetAside(1.0, WAITING, reason))
            await run.pause(delay)
            delay = min(delay * 1.5, 1.0)
            if delay > PROGRESS_EVERY:
                await run.checkpoint()

    async def _ask(self, state: RunState) -> str | None:
        """Update the counts. Returns what is being waited for, None where nothing is."""
        try:
            outcomes = await self._mapping.outcomes(state.command.tenant, state.id, state.segments)
        except MappingUnavailable as error:
            return f"the mapping service does not answer: {error}"
        state.settled = outcomes.streams
        if outcomes.missing == 0:
            return None
        reason = f"{outcomes.missing} batches have no outcome yet"
        if state.settling_since is not None and time.time() - state.settling_since > self._patience:
            state.error_code, state.error = MISSING, f"{reason} after {self._patience:g} s"
        return reason

    @asynccontextmanager
    async def watched(self, run: ActiveRun) -> AsyncIterator[None]:
        """Tell of the progress of a run that is being read, with counts as far as they are known."""
        watching = asyncio.create_task(self._watch(run), name=f"watch {run.state.id}")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, run: ActiveRun) -> None:
        state = run.state
        try:
            while True:
                await asyncio.sleep(PROGRESS_EVERY)
                if state.segments:
                    try:
                        outcomes = await self._mapping.outcomes(state.command.tenant, state.id, state.segments)
                    except MappingUnavailable as error:
                        log.debug("progress without counts", run_id=state.id, reason=str(error))
                    else:
                        state.settled = outcomes.streams
                await run.tell_progress()
        except Fenced:
            return  # Whoever reads the run learns it with the next checkpoint.
