"""From a taken run to its next rest: ended, set aside, or handed over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from edurelay.events.envelope import now
from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import RunStatus
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger
from edurelay.runtime.tracing import continue_trace
from edurelay_connector_runner.records.storable import readable
from edurelay_connector_runner.runs.active import ActiveRun
from edurelay_connector_runner.runs.decision import Patience, SetAside
from edurelay_connector_runner.runs.interruption import Cancelled, HandOver, Interruption, SettingAside

log = get_logger(__name__)

#: How often a run may be taken up without coming any further: one that ends its runner each time is found out.
MAX_STARTS = 10
CRASHES = "RUNNER_FAILED"


class Job(Protocol):
    """The work behind one kind of command."""

    def __call__(self, run: ActiveRun) -> Awaitable[RunStatus]:
        """Do the work, and return the status in which the run ends. Raises an `Interruption` where it does not."""


class Execution:
    """Does what a run's command asks for."""

    def __init__(self, jobs: Mapping[CommandKind, Job], patience: Patience, provider_of: Callable[[str], str]) -> None:
        self._jobs = jobs
        self._patience = patience
        self._provider_of = provider_of

    async def __call__(self, run: ActiveRun) -> None:
        """Work on a run that was taken just now. Raises `Fenced` where it was lost to another runner."""
        with continue_trace(run.state.traceparent):
            try:
                ended = await self._work(run)
            except HandOver:
                run.state.starts = 0
                await run.save(announce=False, due_in=0.0)
            except SettingAside as waiting:
                await self._set_aside(run, waiting)
            else:
                run.state.status, run.state.finished_at = ended, now()
                await run.save()
                metrics.RUNS.of(self._provider_of(run.state.command.connection_id), ended.value).inc()
                log.info("a run ended", run_id=run.state.id, status=ended.value, error_code=run.state.error_code)

    async def _work(self, run: ActiveRun) -> RunStatus:
        state = run.state
        state.starts += 1
        state.waiting = state.waiting_code = None
        if state.status is RunStatus.QUEUED:
            state.status, state.started_at = RunStatus.RUNNING, now()
        await run.save()
        if state.starts > MAX_STARTS:
            state.fail(CRASHES, f"the runner failed {MAX_STARTS} times at this place")
            return RunStatus.FAILED
        try:
            return await self._jobs[state.command.kind](run)
        except Cancelled:
            return RunStatus.CANCELLED
        except Interruption:
            raise
        # A fault of our own must neither end the process nor be tried for ever: `starts` counts it.
        except Exception as error:
            log.exception("the work on a run failed", run_id=state.id, starts=state.starts)
            raise SettingAside(SetAside(self._patience.pause(state.starts), CRASHES, "the runner failed")) from error

    @staticmethod
    async def _set_aside(run: ActiveRun, waiting: SettingAside) -> None:
        decision = waiting.decision
        state = run.state
        if decision.code != CRASHES:
            state.starts = 0
        state.waiting = f"{readable(decision.reason)} (again in {decision.seconds:.0f} s)"
        state.waiting_code = decision.code
        await run.save(due_in=decision.seconds)
        log.info("a run was set aside", run_id=state.id, seconds=decision.seconds, code=decision.code)
