"""Runs as callers order and see them, and as they are kept."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edurelay.messages.commands import CommandKind
from edurelay.messages.runs import Counts, Run, RunStatus, StreamProgress
from edurelay.mongo import Document
from edurelay_gateway.connections.models import StreamNames


class RunCreate(BaseModel):
    """A run to be started: `full` reads everything again, `dry_run` changes nothing; `export` writes to the provider
    where it can be written to."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[CommandKind.SYNC, CommandKind.EXPORT] = CommandKind.SYNC
    streams: StreamNames | None = Field(default=None, description="Only these streams; all where it is null.")
    full: bool = False
    dry_run: bool = False


class RunOrder(BaseModel):
    """What a run is to do, whoever asks for it."""

    model_config = ConfigDict(frozen=True)

    kind: CommandKind = CommandKind.SYNC
    streams: list[str] | None = None
    entity_types: list[str] | None = None
    full: bool = False
    dry_run: bool = False
    source_run_id: str | None = None


class RunView(BaseModel):
    """A run. It is green only if `counts` add up: source = created + updated + unchanged + rejected."""

    id: str
    connection_id: str
    kind: str
    status: RunStatus
    full: bool
    dry_run: bool
    source_run_id: str | None
    requested_at: str
    started_at: str | None
    finished_at: str | None
    counts: Counts
    streams: list[StreamProgress]
    error: str | None
    error_code: str | None
    result: dict[str, Any] | None


class RunPage(BaseModel):
    """Some runs, the newest first."""

    data: list[RunView]
    next_cursor: str | None = None


class RejectedRecord(BaseModel):
    """A record that could not be used: why, which field, where it stood, and what it was."""

    model_config = ConfigDict(extra="ignore")

    id: str
    stream: str
    entity_type: str | None = None
    external_id: str | None = None
    reason: str
    field: str | None = None
    where: str | None = None
    line: int | None = None
    column: int | None = None
    raw: Any = None
    rejected_at: str
    reprocessed_by: str | None = None


class RejectedPage(BaseModel):
    """Some of the records that a run rejected."""

    data: list[RejectedRecord]
    next_cursor: str | None = None


class StoredRun(BaseModel):
    """A run as it is kept: what was ordered, and what its newest message said."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    id: str = Field(alias="_id")
    tenant: str
    connection_id: str
    kind: str
    status: RunStatus = RunStatus.QUEUED
    revision: int = 0
    full: bool = False
    dry_run: bool = False
    source_run_id: str | None = None
    requested_at: str
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    counts: Counts = Counts()
    streams: list[StreamProgress] = []
    error: str | None = None
    error_code: str | None = None
    result: dict[str, Any] | None = None

    def to_document(self) -> Document:
        """Return the document that is kept."""
        return self.model_dump(mode="json", by_alias=True)

    def view(self) -> RunView:
        """Return what callers see."""
        return RunView(**self.model_dump(include=set(RunView.model_fields)))


#: The fields that a message of `edurelay.runs` brings; the others stay as they were ordered.
REPORTED = (
    "status", "revision", "started_at", "finished_at", "counts", "streams", "error", "error_code", "result",
)  # fmt: skip


def reported(run: Run) -> Document:
    """Return the fields to set because of a message."""
    return run.model_dump(mode="json", include=set(REPORTED))
