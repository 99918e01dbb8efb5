"""`edurelay.runs`: the state of each run, keyed by its id; the newest message of a key is the run's state."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from edurelay.messages.base import InternalMessage


class RunStatus(StrEnum):
    """Where a run stands. `SETTLING`: everything was read, the outcomes of the last batches are awaited."""

    QUEUED = "queued"
    RUNNING = "running"
    SETTLING = "settling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True where nothing more will happen to the run."""
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


class Counts(InternalMessage):
    """What became of the records of a stream or a run. `source` is what the provider gave; a run is green only
    if source = created + updated + unchanged + rejected."""

    source: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def add_up(self) -> bool:
        """True if every record that was read is accounted for."""
        return self.source == self.created + self.updated + self.unchanged + self.rejected

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class StreamProgress(InternalMessage):
    """One stream of a run. `expected` is the provider's own count where it tells one; `error` ended the stream."""

    stream: str
    status: RunStatus
    counts: Counts = Counts()
    expected: int | None = None
    error: str | None = None
    error_code: str | None = None


class Run(InternalMessage):
    """A run as everybody may see it. `revision` grows with each message; `result` is what a test found."""

    id: str
    tenant: str
    connection_id: str
    kind: str
    status: RunStatus
    revision: int
    requested_at: str
    started_at: str | None = None
    finished_at: str | None = None
    counts: Counts = Counts()
    streams: list[StreamProgress] = []
    error: str | None = None
    error_code: str | None = None
    result: dict[str, Any] | None = None
