"""A run as its holder keeps it: what was asked, how far it has come, and how everybody else may see it. Pure.

One document a run. Whatever a crash must not lose is in it: the cursor of each stream, the segments of batches that
were sent under each lease, the counts, and when the run is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from edurelay.messages.commands import Command
from edurelay.messages.runs import Counts, Run, RunStatus, StreamProgress
from edurelay_connector_runner.records.storable import readable
from edurelay_connector_runner.sdk import Cursor, Stream


@dataclass(slots=True)
class Segment:
    """The batches 1 to `through` that were sent and checkpointed under the lease of one `epoch`."""

    epoch: int
    through: int


@dataclass(slots=True)
class StreamState:
    """One stream of a run. `source` counts the records that its checkpoints cover; `attempts` how often the provider
    failed in passing since the last of them."""

    name: str
    entity_type: str
    status: RunStatus = RunStatus.QUEUED
    cursor: Cursor | None = None
    source: int = 0
    expected: int | None = None
    attempts: int = 0
    error: str | None = None
    error_code: str | None = None

    def end(self, status: RunStatus, error_code: str | None = None, error: str | None = None) -> None:
        """Say that nothing more of this stream will be read, and why."""
        self.status, self.error_code = status, error_code
        self.error = None if error is None else readable(error)

    def progress(self, settled: Counts | None) -> StreamProgress:
        """Return what everybody may see. `settled` is what the mapping service has counted so far; records that
        were sent and are not counted there yet are in `source` only."""
        counts = settled or Counts()
        return StreamProgress(
            stream=self.name,
            status=self.status,
            counts=counts.model_copy(update={"source": max(counts.source, self.source)}),
            expected=self.expected,
            error=self.error,
            error_code=self.error_code,
        )


@dataclass(slots=True)
class RunState:
    """One run. `epoch` is the fencing token of the lease under which it is worked on, 0 before the first.

    `streams` is None until the connector was asked for them. `settled` is what the mapping service has counted,
    by stream; `settling_since` (Unix seconds) is when the last record had been read. `waiting` says why a run that
    has not ended does not go on at the moment. `starts` counts how often the run was taken up without coming any
    further, so that one that ends its runner is found out. `position` is where the reading of another run's rejected
    records stands.
    """

    command: Command
    status: RunStatus = RunStatus.QUEUED
    epoch: int = 0
    revision: int = 0
    streams: list[StreamState] | None = None
    segments: list[Segment] = field(default_factory=list)
    settled: dict[str, Counts] = field(default_factory=dict)
    settling_since: float | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error: str | None = None
    error_code: str | None = None
    result: dict[str, Any] | None = None
    waiting: str | None = None
    waiting_code: str | None = None
    starts: int = 0
    position: str | None = None
    traceparent: str | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.command.run_id

    def plan(self, streams: list[Stream]) -> None:
        """Note the streams that will be read, in order."""
        self.streams = [StreamState(stream.name, stream.entity_type.value) for stream in streams]

    def stream(self, name: str, entity_type: str) -> StreamState:
        """Return one stream, which is added where the run has not met it yet."""
        if self.streams is None:
            self.streams = []
        for stream in self.streams:
            if stream.name == name:
                return stream
        self.streams.append(StreamState(name, entity_type))
        return self.streams[-1]

    def unread(self) -> list[StreamState]:
        """Return the streams that are not read to their end, in order."""
        return [stream for stream in self.streams or () if not stream.status.terminal]

    @property
    def sent(self) -> int:
        """The sequence of the last batch that was sent under the present lease."""
        return next((segment.through for segment in self.segments if segment.epoch == self.epoch), 0)

    def note_sent(self, through: int) -> None:
        """Note that the batches up to `through` of the present lease are durable."""
        if through == self.sent:
            return
        self.segments = [segment for segment in self.segments if segment.epoch != self.epoch]
        self.segments.append(Segment(self.epoch, through))

    def fail(self, error_code: str, error: str) -> None:
        """Note why the whole run fails; its unread streams fail with it. The reason is cut, as that of a stream is:
        all of them together have to fit into one message."""
        self.error_code, self.error = error_code, readable(error)
        for stream in self.unread():
            stream.end(RunStatus.FAILED, error_code, error)

    def message(self) -> Run:
        """Return the run as everybody may see it."""
        streams = [stream.progress(self.settled.get(stream.name)) for stream in self.streams or ()]
        return Run(
            id=self.id,
            tenant=self.command.tenant,
            connection_id=self.command.connection_id,
            kind=self.command.kind.value,
            status=self.status,
            revision=self.revision,
            requested_at=self.command.requested_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            counts=sum((stream.counts for stream in streams), Counts()),
            streams=streams,
            error=self.error or self.waiting,
            error_code=self.error_code or self.waiting_code,
            result=self.result,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the fields that the holder of the run owns. Whatever a connector chose the keys of is kept as
        JSON text, so that no name of theirs can collide with the database's own syntax."""
        return {
            "command": self.command.model_dump(mode="json"),
            "status": self.status.value,
            "epoch": self.epoch,
            "revision": self.revision,
            "streams": None if self.streams is None else [_stream_document(stream) for stream in self.streams],
            "segments": [asdict(segment) for segment in self.segments],
            "settled": [{"stream": name, **counts.model_dump()} for name, counts in self.settled.items()],
            "settling_since": self.settling_since,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "error": self.error,
            "error_code": self.error_code,
            "result": None if self.result is None else orjson.dumps(self.result).decode(),
            "waiting": self.waiting,
            "waiting_code": self.waiting_code,
            "starts": self.starts,
            "position": self.position,
            "traceparent": self.traceparent,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RunState:
        """Read a run back."""
        streams, result = document["streams"], document["result"]
        return cls(
            command=Command.model_validate(document["command"]),
            status=RunStatus(document["status"]),
            epoch=document["epoch"],
            revision=document["revision"],
            streams=None if streams is None else [_stream(stream) for stream in streams],
            segments=[Segment(**segment) for segment in document["segments"]],
            settled={counts["stream"]: Counts.model_validate(counts) for counts in document["settled"]},
            settling_since=document["settling_since"],
            started_at=document["started_at"],
            finished_at=document["finished_at"],
            error=document["error"],
            error_code=document["error_code"],
            result=None if result is None else orjson.loads(result),
            waiting=document["waiting"],
            waiting_code=document["waiting_code"],
            starts=document["starts"],
            position=document["position"],
            traceparent=document["traceparent"],
        )


def _stream_document(stream: StreamState) -> dict[str, Any]:
    cursor = None if stream.cursor is None else orjson.dumps(stream.cursor).decode()
    return {**asdict(stream), "status": stream.status.value, "cursor": cursor}


def _stream(document: Mapping[str, Any]) -> StreamState:
    cursor = document["cursor"]
    read_back = {"status": RunStatus(document["status"]), "cursor": None if cursor is None else orjson.loads(cursor)}
    return StreamState(**{**document, **read_back})
