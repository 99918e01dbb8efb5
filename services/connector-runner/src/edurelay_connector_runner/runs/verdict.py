"""How a run ends: green only if it is counted (invariant 6). Pure."""

from __future__ import annotations

from edurelay.messages.runs import Counts, RunStatus
from edurelay_connector_runner.records.storable import readable
from edurelay_connector_runner.runs.state import RunState, StreamState

COUNTS_DIFFER = "COUNTS_DO_NOT_ADD_UP"


def conclude(run: RunState, *, counted: bool = True) -> RunStatus:
    """Return the status in which a run ends, all of whose streams have ended, and note the reason in it.

    `counted` is False for a run that sent nothing to be counted, such as a dry one.
    """
    streams = run.streams or []
    if any(stream.status is RunStatus.CANCELLED for stream in streams):
        return RunStatus.CANCELLED
    if run.error is not None:
        return RunStatus.FAILED
    failed = [stream for stream in streams if stream.status is RunStatus.FAILED]
    if failed:
        named = "; ".join(f"{stream.name}: {stream.error}" for stream in failed)
        run.error_code = failed[0].error_code
        run.error = readable(f"{len(failed)} of {len(streams)} streams failed: {named}")
        return RunStatus.FAILED
    if counted:
        differences = [difference for stream in streams if (difference := _difference(run, stream)) is not None]
        if differences:
            run.error_code, run.error = COUNTS_DIFFER, readable("; ".join(differences))
            return RunStatus.FAILED
    return RunStatus.SUCCEEDED


def _difference(run: RunState, stream: StreamState) -> str | None:
    counts = run.settled.get(stream.name, Counts())
    if counts.source < stream.source:
        return f"{stream.name}: {stream.source} records were sent, {counts.source} were counted"
    if not counts.add_up:
        accounted = counts.created + counts.updated + counts.unchanged + counts.rejected
        return f"{stream.name}: of {counts.source} records {accounted} are accounted for"
    return None
