"""Trying the rejected records of an earlier run again, after the connector or its configuration was mended."""

from __future__ import annotations

from collections import defaultdict

from edurelay.events.envelope import now
from edurelay.messages.runs import RunStatus
from edurelay_connector_runner.jobs.settlement import WAITING, Settlement
from edurelay_connector_runner.mapping import Mapping, MappingUnavailable, RejectedRecord
from edurelay_connector_runner.opening import Opened, Opening
from edurelay_connector_runner.records import storable
from edurelay_connector_runner.records.conversion import Converted, convert_records, may_be_tried_again
from edurelay_connector_runner.records.sinks import Sink
from edurelay_connector_runner.runs.active import ActiveRun
from edurelay_connector_runner.runs.decision import SetAside
from edurelay_connector_runner.runs.interruption import Cancelled, SettingAside
from edurelay_connector_runner.runs.verdict import conclude
from edurelay_connector_runner.sdk import ConfigurationError, ConnectorError, SourceRecord, Stream

#: Seconds until a mapping service that was away is asked again.
PAUSE = 2.0


class Reprocess:
    """Runs the commands of kind REPROCESS. What is rejected once more is a rejected record of the new run, so that
    no record is tried by two runs."""

    def __init__(self, opening: Opening, mapping: Mapping, transmission: Sink, settlement: Settlement) -> None:
        self._opening = opening
        self._mapping = mapping
        self._transmission = transmission
        self._settlement = settlement

    async def __call__(self, run: ActiveRun) -> RunStatus:
        """Bring the run to its end, and return how it ended. Raises an `Interruption` where it has to wait."""
        state = run.state
        cancelled = False
        if state.status is RunStatus.RUNNING:
            try:
                run.go_on()
                await self._try_all(run)
            except Cancelled:
                cancelled = True
            except ConnectorError as error:
                state.fail(error.code, str(error))
            except MappingUnavailable as error:
                reason = f"the mapping service does not answer: {error}"
                raise SettingAside(SetAside(PAUSE, WAITING, reason)) from error
            for stream in state.unread():
                stream.end(RunStatus.CANCELLED if cancelled else RunStatus.SUCCEEDED)
        if not await self._settlement.settle(run) or cancelled:
            return RunStatus.CANCELLED
        return conclude(state)

    async def _try_all(self, run: ActiveRun) -> None:
        state = run.state
        source = state.command.source_run_id
        if source is None:
            raise ConfigurationError("it is not said whose rejected records are meant")
        async with self._opening.open(state.command.tenant, state.command.connection_id) as opened:
            while True:
                page = await self._mapping.rejected(state.command.tenant, source, state.position)
                untried = [record for record in page.data if record.reprocessed_by in (None, state.id)]
                tried = await self._try(run, opened, untried)
                if tried:
                    await self._mapping.resolve(state.command.tenant, source, tried, state.id)
                self._note(run, len(tried), len(page.data) - len(tried))
                state.position = page.next_cursor
                await run.checkpoint()
                run.go_on()
                if page.next_cursor is None:
                    return

    async def _try(self, run: ActiveRun, opened: Opened, records: list[RejectedRecord]) -> list[str]:
        """Convert and send records again; return the ids of those that could be tried."""
        declared = opened.streams()
        by_stream: dict[str, list[RejectedRecord]] = defaultdict(list)
        for record in records:
            if may_be_tried_again(record.raw) and record.stream in declared:
                by_stream[record.stream].append(record)
        for name, group in by_stream.items():
            await self._send(run, opened, declared[name], group)
        return [record.id for group in by_stream.values() for record in group]

    async def _send(self, run: ActiveRun, opened: Opened, stream: Stream, group: list[RejectedRecord]) -> None:
        known = [record.raw for record in group if is_canonical(record.raw)]
        sources = [SourceRecord(each.raw, each.where, each.line) for each in group if not is_canonical(each.raw)]
        converted = convert_records(opened.connector, stream, sources)
        converted.records.extend(Converted(record, storable.check(record["attributes"])) for record in known)
        await self._transmission.take(run.state, stream, converted, now())
        progress = run.state.stream(stream.name, stream.entity_type.value)
        progress.status = RunStatus.RUNNING
        progress.source += converted.source

    @staticmethod
    def _note(run: ActiveRun, tried: int, left: int) -> None:
        before = run.state.result or {"reprocessed": 0, "skipped": 0}
        run.state.result = {"reprocessed": before["reprocessed"] + tried, "skipped": before["skipped"] + left}


def is_canonical(raw: object) -> bool:
    """Tell whether a rejected record had been converted already: the mapping service keeps what *it* rejected as it
    got it, an external id and attributes, which no connector could convert a second time."""
    return isinstance(raw, dict) and raw.keys() == {"external_id", "attributes"} and isinstance(raw["attributes"], dict)
