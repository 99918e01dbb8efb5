"""Where the converted records of a run go: to Kafka, or nowhere in a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import stamina

from edurelay.events.envelope import Message
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.messages.records import Rejected
from edurelay_connector_runner.records import storable
from edurelay_connector_runner.records.batches import Origin, messages
from edurelay_connector_runner.records.conversion import ConvertedPage
from edurelay_connector_runner.runs.state import RunState
from edurelay_connector_runner.sdk import Stream

#: How many rejections a dry run shows.
SHOWN = 100


class Sends(Protocol):
    """The part of the producer that is needed here."""

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Return once all messages are acknowledged. Raises `KafkaUnavailable`."""


class Sink(Protocol):
    """Takes the records of a run, page by page. What it took is durable when it returns."""

    async def take(self, state: RunState, stream: Stream, page: ConvertedPage, read_at: str) -> None:
        """Take one page, and note in the state what has to be known of it."""


class Transmission:
    """Sends pages to the records topic. A message whose fate is unknown is sent again under the same name, so that
    it is counted once; Kafka is waited for as long as the lease holds out."""

    def __init__(self, producer: Sends) -> None:
        self._producer = producer

    async def take(self, state: RunState, stream: Stream, page: ConvertedPage, read_at: str) -> None:
        """Send one page."""
        command = state.command
        origin = Origin(state.id, state.epoch, command.tenant, command.connection_id, state.traceparent)
        outgoing = messages(origin, stream, page, read_at, after=state.sent)
        await self.send(outgoing)
        state.note_sent(state.sent + len(outgoing))

    async def send(self, outgoing: Sequence[Message]) -> None:
        """Send messages, however long Kafka is away."""
        async for attempt in stamina.retry_context(
            on=KafkaUnavailable, attempts=None, timeout=None, wait_initial=0.1, wait_max=5.0
        ):
            with attempt:
                await self._producer.send_all(outgoing)


class Rehearsal:
    """Counts pages, and shows the first rejections in the run's result."""

    async def take(self, state: RunState, stream: Stream, page: ConvertedPage, read_at: str) -> None:
        """Count one page."""
        result: dict[str, Any] = state.result or {"read": 0, "valid": 0, "rejected": 0, "rejections": []}
        shown = result["rejections"]
        more = [_without_raw(stream, rejected) for rejected in page.rejected[: SHOWN - len(shown)]]
        state.result = {
            "read": result["read"] + page.source,
            "valid": result["valid"] + len(page.records),
            "rejected": result["rejected"] + len(page.rejected),
            "rejections": [*shown, *storable.fitting(result, more)],
        }


def _without_raw(stream: Stream, rejected: Rejected) -> dict[str, Any]:
    """The record itself is left out: a hundred of them could be more than a message takes."""
    return {"stream": stream.name, **{name: value for name, value in rejected.items() if name != "raw"}}
