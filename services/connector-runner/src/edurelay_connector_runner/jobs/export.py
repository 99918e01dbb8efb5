"""An export: the canonical records of a connection are given back to its provider, stream by stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from edurelay.messages.runs import RunStatus
from edurelay.model import model_of
from edurelay_connector_runner.jobs.selection import GONE, selected
from edurelay_connector_runner.mapping import Mapping, MappingUnavailable, StoredEntity
from edurelay_connector_runner.opening import Opened, Opening
from edurelay_connector_runner.records import storable
from edurelay_connector_runner.runs.active import ActiveRun
from edurelay_connector_runner.runs.decision import FailRun, FailStream, SetAside
from edurelay_connector_runner.runs.interruption import Cancelled, Interruption, SettingAside
from edurelay_connector_runner.runs.state import StreamState
from edurelay_connector_runner.runs.verdict import conclude
from edurelay_connector_runner.sdk import ConnectorError, OutboundRecord, PushReport, Stream, Transient

PUSH_FAILED = "PUSH_FAILED"

#: How many of a stream's errors the result shows, where there is room for them.
SHOWN = 100


class Export:
    """Runs the commands of kind EXPORT. A stream that was interrupted is pushed again from its beginning: a push
    that is repeated does not do its work twice."""

    def __init__(self, opening: Opening, mapping: Mapping) -> None:
        self._opening = opening
        self._mapping = mapping

    async def __call__(self, run: ActiveRun) -> RunStatus:
        """Push every stream, and return how the run ended. Raises an `Interruption` where it has to wait."""
        state = run.state
        try:
            run.go_on()
            async with self._opening.open(state.command.tenant, state.command.connection_id) as opened:
                declared = opened.streams()
                if state.streams is None:
                    state.plan(selected(list(declared.values()), state.command, opened.connection))
                    await run.checkpoint()
                for stream in state.unread():
                    if stream.status.terminal:
                        continue  # It ended with the whole run while its siblings were being pushed.
                    if stream.name in declared:
                        await self._push(run, opened, declared[stream.name], stream)
                    else:
                        stream.end(RunStatus.FAILED, ConnectorError.code, GONE)
        except Cancelled:
            for stream in state.unread():
                stream.end(RunStatus.CANCELLED)
            return RunStatus.CANCELLED
        except ConnectorError as error:
            state.fail(error.code, str(error))
        return conclude(state, counted=False)

    async def _push(self, run: ActiveRun, opened: Opened, declared: Stream, stream: StreamState) -> None:
        stream.status = RunStatus.RUNNING
        try:
            async with aclosing(self._records(run, declared)) as records:
                report = await run.unless_stopped(opened.connector.push(stream.name, records))
        except Interruption:
            raise
        # What is left is the connector's own, or a mapping service that is away.
        except Exception as error:
            error = Transient(str(error)) if isinstance(error, MappingUnavailable) else error
            stream.attempts += isinstance(error, Transient)
            match opened.judge(error, stream.attempts):
                case SetAside() as decision:
                    raise SettingAside(decision) from error
                case FailStream(code, reason):
                    stream.end(RunStatus.FAILED, code, reason)
                case FailRun(code, reason):
                    run.state.fail(code, reason)
        else:
            _note(run, stream, report)
        await run.checkpoint()
        run.go_on()

    async def _records(self, run: ActiveRun, stream: Stream) -> AsyncGenerator[OutboundRecord, None]:
        command, cursor = run.state.command, None
        while True:
            page = await self._mapping.entities(command.tenant, stream.entity_type, command.connection_id, cursor)
            for entity in page.data:
                yield _outbound(stream, entity)
            cursor = page.next_cursor
            if cursor is None:
                return
            await run.checkpoint()
            run.go_on()


def _note(run: ActiveRun, stream: StreamState, report: PushReport) -> None:
    errors = [storable.readable(error) for error in report.errors]
    result = run.state.result or {}
    shown = storable.fitting(result, errors[:SHOWN])
    run.state.result = {**result, stream.name: {"sent": report.sent, "errors": shown}}
    if errors:
        stream.end(RunStatus.FAILED, PUSH_FAILED, f"{len(errors)} records were not taken: {errors[0]}")
    else:
        stream.end(RunStatus.SUCCEEDED)


def _outbound(stream: Stream, entity: StoredEntity) -> OutboundRecord:
    """Undo what the mapping service adds: to a provider a reference is the provider's own id again."""
    attributes = dict(entity.attributes)
    for name in model_of(stream.entity_type).references:
        attributes.pop(f"{name}_id", None)
        if f"{name}_external_id" in attributes:
            attributes[name] = attributes.pop(f"{name}_external_id")
    return OutboundRecord(entity.id, entity.external_id, attributes)
