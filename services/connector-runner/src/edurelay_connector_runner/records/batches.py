"""From the records of a page to messages: one external id always under one key, none beyond a message's size. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from edurelay.events.envelope import Message
from edurelay.events.topics import RECORDS
from edurelay.messages.records import SHARDS, Record, RecordBatch, Rejected, encode, record_key, shard_of
from edurelay_connector_runner.records.conversion import ConvertedPage
from edurelay_connector_runner.sdk import Stream

#: The records of one message, in bytes of JSON text. Half of what a broker takes by default, so that one record
#: of the largest size that is let through always fits beside what is there already.
MAX_BATCH_BYTES = 512 * 1024
MAX_BATCH_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Origin:
    """Where batches come from: the run and the lease under which it reads."""

    run_id: str
    epoch: int
    tenant: str
    connection_id: str
    traceparent: str | None = None


@dataclass(slots=True)
class _Part:
    """The beginnings of one message."""

    shard: int
    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    size: int = 0

    def takes(self, size: int) -> bool:
        count = len(self.records) + len(self.rejected)
        return not count or (count < MAX_BATCH_RECORDS and self.size + size <= MAX_BATCH_BYTES)


def messages(origin: Origin, stream: Stream, page: ConvertedPage, read_at: str, *, after: int) -> list[Message]:
    """Return the messages of one page. Their sequence numbers follow `after` without a gap; a page without anything
    in it has no message."""
    return [
        _message(origin, stream, part, read_at, sequence) for sequence, part in enumerate(_parts(page), start=after + 1)
    ]


def _parts(page: ConvertedPage) -> Iterator[_Part]:
    open_parts: list[_Part | None] = [None] * SHARDS
    for converted in page.records:
        shard = shard_of(converted.record["external_id"])
        part = open_parts[shard]
        if part is None or not part.takes(converted.size):
            if part is not None:
                yield part
            part = open_parts[shard] = _Part(shard)
        part.records.append(converted.record)
        part.size += converted.size
    yield from _with_rejected([part for part in open_parts if part is not None], page.rejected)


def _with_rejected(parts: list[_Part], rejected: Iterable[Rejected]) -> Iterator[_Part]:
    """Let the rejected records ride with the last message of the page, and with more of their own if they have to."""
    part = parts.pop() if parts else None
    yield from parts
    for one in rejected:
        size = len(orjson.dumps(one))
        if part is None or not part.takes(size):
            if part is not None:
                yield part
            part = _Part(0)
        part.rejected.append(one)
        part.size += size
    if part is not None:
        yield part


def _message(origin: Origin, stream: Stream, part: _Part, read_at: str, sequence: int) -> Message:
    batch: RecordBatch = {
        "run_id": origin.run_id,
        "epoch": origin.epoch,
        "sequence": sequence,
        "tenant": origin.tenant,
        "connection_id": origin.connection_id,
        "stream": stream.name,
        "entity_type": stream.entity_type.value,
        "read_at": read_at,
        "records": part.records,
        "rejected": part.rejected,
    }
    key = record_key(origin.tenant, origin.connection_id, stream.name, part.shard)
    headers = [] if origin.traceparent is None else [("traceparent", origin.traceparent.encode())]
    return Message(RECORDS.name, key, encode(batch), headers)
