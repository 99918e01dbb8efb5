"""Inbound webhooks become records: what a provider says has changed is fetched, converted and sent. Records that came
with it are taken only from a sender that was verified.

There is no run behind them, so nothing waits for their outcome. Their batches carry the epoch under which the
connection was last held, read after the records were: a runner that takes the connection later reads later, too, and
its word counts. A webhook that is taken up again may find other records; its batches then have other names, since
the mapping service looks at no batch twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson

from edurelay.events.envelope import Message, now
from edurelay.events.ids import digest
from edurelay.kafka.handler import Received
from edurelay.kafka.keyed import Later
from edurelay.messages.connections import Connection
from edurelay.messages.ingest import InboundWebhook
from edurelay.runtime.logging import get_logger
from edurelay.runtime.tracing import current_traceparent
from edurelay_connector_runner.hints import as_hints
from edurelay_connector_runner.opening import Opened, Opening
from edurelay_connector_runner.records.batches import Origin, messages
from edurelay_connector_runner.records.conversion import ConvertedPage, convert_records
from edurelay_connector_runner.records.sinks import Sends
from edurelay_connector_runner.runs.decision import SetAside
from edurelay_connector_runner.sdk import BadRecord, Change, ConfigurationError, Stream, Throttled, Webhook

log = get_logger(__name__)

#: Seconds to wait for a connection that was made a moment ago.
CONNECTION_SECONDS = 5.0

AwaitConnection = Callable[[str, Callable[[Connection | None], bool], float], Awaitable[Connection | None]]
EpochOf = Callable[[str], Awaitable[int]]


class UnusableWebhook(ValueError):
    """The webhook makes no sense to its connector, or its connection cannot be used; a repetition cannot help."""


class Postponed(Exception):
    """The provider cannot answer at the moment; another try may help."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a webhook tells of one stream."""

    stream: Stream
    page: ConvertedPage
    read_at: str


class Ingest:
    """Takes the messages of `edurelay.ingest`, one at a time for each connection."""

    def __init__(self, opening: Opening, connection: AwaitConnection, epoch_of: EpochOf, producer: Sends) -> None:
        self._opening = opening
        self._connection = connection
        self._epoch_of = epoch_of
        self._producer = producer

    async def process(self, received: Received) -> None:
        """Turn one webhook into batches. Raises `MalformedMessage` and `UnusableWebhook`, which end as dead letters,
        `Postponed`, and `Later` where the provider said when to come back."""
        webhook = InboundWebhook.from_message(received.headers, received.value)
        try:
            await self._connection(webhook.connection_id, lambda found: found is not None, CONNECTION_SECONDS)
            async with self._opening.open(webhook.tenant, webhook.connection_id) as opened:
                told = await self._read(opened, webhook)
        except (ConfigurationError, TimeoutError) as error:
            raise UnusableWebhook(str(error) or "the connection does not exist") from error
        await self._send(webhook, told)

    async def _read(self, opened: Opened, webhook: InboundWebhook) -> list[_Told]:
        connector = opened.connector
        told = []
        try:
            declared = opened.streams()
            changes = connector.parse_webhook(Webhook(webhook.headers, webhook.body, webhook.verified))
            for change in _merged(changes if webhook.verified else as_hints(connector, changes)):
                if change.stream not in declared:
                    raise BadRecord(f"the connection has no stream {change.stream}")
                fetched = await connector.fetch(change.stream, change.keys) if change.keys else ()
                stream = declared[change.stream]
                page = convert_records(connector, stream, [*change.records, *fetched])
                told.append(_Told(stream, page, now()))
        # A connector's own code: its error is judged like that of a run, and shown as cautiously.
        except Exception as error:
            decision = opened.judge(error, 1)
            if isinstance(decision, SetAside):
                if isinstance(error, Throttled):
                    raise Later(decision.reason, decision.seconds) from None
                raise Postponed(decision.reason) from None
            raise UnusableWebhook(decision.reason) from None
        return told

    async def _send(self, webhook: InboundWebhook, told: Sequence[_Told]) -> None:
        epoch = await self._epoch_of(webhook.connection_id)
        name = f"ingest:{webhook.id}:{_fingerprint(told)}"
        origin = Origin(name, epoch, webhook.tenant, webhook.connection_id, current_traceparent())
        outgoing: list[Message] = []
        for each in told:
            outgoing += messages(origin, each.stream, each.page, each.read_at, after=len(outgoing))
        await self._producer.send_all(outgoing)
        log.info("a webhook was taken", webhook_id=webhook.id, batches=len(outgoing))


def _fingerprint(told: Sequence[_Told]) -> str:
    """Return a text that differs where the records do."""
    content = [
        [each.stream.name, [converted.record for converted in each.page.records], each.page.rejected] for each in told
    ]
    return digest(orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()).hex()


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Return one change for each stream, so that a stream's records are in as few batches as can be."""
    names = dict.fromkeys(change.stream for change in changes)
    return [
        Change(
            name,
            list(dict.fromkeys(key for change in changes if change.stream == name for key in change.keys)),
            [record for change in changes if change.stream == name for record in change.records],
        )
        for name in names
    ]
