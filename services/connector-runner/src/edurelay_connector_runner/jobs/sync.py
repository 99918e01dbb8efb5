"""A sync: read every stream from its checkpoint, send each page, then save the cursor, and count at the end.

The order is what nothing is lost by: a page is acknowledged by Kafka before the cursor behind it is saved. A crash
in between reads the page again, which the mapping service recognises record by record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import orjson

from edurelay.messages.runs import RunStatus
from edurelay.runtime import metrics
from edurelay_connector_runner.jobs.selection import GONE, selected
from edurelay_connector_runner.jobs.settlement import Settlement
from edurelay_connector_runner.opening import Opened, Opening
from edurelay_connector_runner.records.conversion import convert_page
from edurelay_connector_runner.records.pages import ReadFailed, ReadPage, read_ahead
from edurelay_connector_runner.records.sinks import Sink
from edurelay_connector_runner.runs.active import ActiveRun
from edurelay_connector_runner.runs.decision import FailRun, FailStream, SetAside
from edurelay_connector_runner.runs.interruption import Cancelled, SettingAside
from edurelay_connector_runner.runs.state import StreamState
from edurelay_connector_runner.runs.store import RunStore
from edurelay_connector_runner.runs.verdict import conclude
from edurelay_connector_runner.sdk import Capability, ConnectorError, Cursor, Stream, Transient

MAX_CURSOR_BYTES = 4096


class Sync:
    """Runs the commands of kind SYNC."""

    def __init__(
        self, opening: Opening, store: RunStore, transmission: Sink, rehearsal: Sink, settlement: Settlement
    ) -> None:
        self._opening = opening
        self._store = store
        self._transmission = transmission
        self._rehearsal = rehearsal
        self._settlement = settlement

    async def __call__(self, run: ActiveRun) -> RunStatus:
        """Bring the run to its end, and return how it ended. Raises an `Interruption` where it has to wait."""
        state = run.state
        if state.status is RunStatus.RUNNING:
            try:
                run.go_on()
                await self._read_all(run)
            except Cancelled:
                for stream in state.unread():
                    stream.end(RunStatus.CANCELLED)
                if state.streams is None:
                    return RunStatus.CANCELLED
        if state.command.dry_run:
            return conclude(state, counted=False)
        if not await self._settlement.settle(run):
            return RunStatus.CANCELLED
        return conclude(state)

    async def _read_all(self, run: ActiveRun) -> None:
        state = run.state
        try:
            async with (
                self._opening.open(state.command.tenant, state.command.connection_id) as opened,
                self._settlement.watched(run),
            ):
                declared = opened.streams()
                if state.streams is None:
                    await self._plan(run, opened, list(declared.values()))
                for stream in state.unread():
                    if stream.status.terminal:
                        continue  # It ended with the whole run while its siblings were being read.
                    if stream.name in declared:
                        await self._read(run, opened, declared[stream.name], stream)
                    else:
                        stream.end(RunStatus.FAILED, ConnectorError.code, GONE)
        except ConnectorError as error:
            state.fail(error.code, str(error))

    async def _plan(self, run: ActiveRun, opened: Opened, declared: Sequence[Stream]) -> None:
        command = run.state.command
        streams = selected(declared, command, opened.connection)
        run.state.plan(streams)
        if Capability.INCREMENTAL in opened.connector.manifest.capabilities and not command.full:
            for chosen, stream in zip(streams, run.state.streams or (), strict=True):
                if chosen.cursor is not None:
                    stream.cursor = await self._store.last_cursor(command.connection_id, stream.name)
        await run.checkpoint()

    async def _read(self, run: ActiveRun, opened: Opened, declared: Stream, stream: StreamState) -> None:
        """Read one stream to its end, or to its failure."""
        stream.status = RunStatus.RUNNING
        try:
            async with aclosing(read_ahead(opened.connector, stream.name, stream.cursor)) as pages:
                while (read := await run.unless_stopped(_next(pages))) is not None:
                    await self._take(run, opened, declared, stream, read)
                    run.go_on()
        except ReadFailed as failed:
            stream.attempts += isinstance(failed.error, Transient)
            match opened.judge(failed.error, stream.attempts):
                case SetAside() as decision:
                    raise SettingAside(decision) from failed.error
                case FailStream(code, reason):
                    stream.end(RunStatus.FAILED, code, reason)
                case FailRun(code, reason):
                    run.state.fail(code, reason)
        else:
            stream.end(RunStatus.SUCCEEDED)
        await run.checkpoint()
        run.go_on()

    async def _take(
        self, run: ActiveRun, opened: Opened, declared: Stream, stream: StreamState, read: ReadPage
    ) -> None:
        """Make one page durable, then the cursor behind it."""
        cursor = _checked(read.page.cursor)
        converted = convert_page(opened.connector, declared, read.page)
        sink = self._rehearsal if run.state.command.dry_run else self._transmission
        await sink.take(run.state, declared, converted, read.read_at)
        stream.cursor = cursor
        stream.source += converted.source
        stream.expected = read.page.expected if read.page.expected is not None else stream.expected
        stream.attempts = 0
        await run.checkpoint()
        for outcome, records in (("read", converted.records), ("rejected", converted.rejected)):
            metrics.RECORDS_READ.of(opened.connection.provider, outcome).inc(len(records))


async def _next(pages: AsyncIterator[ReadPage]) -> ReadPage | None:
    return await anext(pages, None)


def _checked(cursor: Cursor) -> Cursor:
    """Return a cursor that can be saved. Raises `ReadFailed`: the connector has promised a few flat scalars."""
    if any(not isinstance(value, (str, int, float, bool, type(None))) for value in cursor.values()):
        raise ReadFailed(ConnectorError("the connector gave a cursor that is not flat"))
    size = len(orjson.dumps(cursor))
    if size > MAX_CURSOR_BYTES:
        raise ReadFailed(ConnectorError(f"the connector gave a cursor of {size} bytes; {MAX_CURSOR_BYTES} are allowed"))
    return cursor
