"""`edurelay.records`: batches of records, already in canonical form, keyed so that one external id always lands
on one partition.

A batch is the unit of everything that follows: of the checkpoint behind it, of change detection, of the outcome
that is counted, and of a replay.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NotRequired, TypedDict

import orjson

from edurelay.messages.base import MalformedMessage

#: Into how many shards the external ids of one stream fall. A part of where a record lives: changing it has to
#: go with a drained topic, as changing the number of partitions has (docs/explanation/change-detection.md).
SHARDS = 4


class Record(TypedDict):
    """One record: the provider's id and the canonical fields of the entity, references as external ids."""

    external_id: str
    attributes: dict[str, Any]


class Rejected(TypedDict):
    """One record that could not be used: why, which field, where it stood, and what it was.

    `where` is for people (`students.csv:17`, `core_course_get_courses[3]`); `line` and `column` count from 1 and
    are there for files. `raw` is the provider's record as the connector read it, so that it can be tried again.
    """

    reason: str
    field: NotRequired[str]
    where: NotRequired[str]
    line: NotRequired[int]
    column: NotRequired[int]
    external_id: NotRequired[str]
    raw: NotRequired[Any]


class RecordBatch(TypedDict):
    """One message of the topic.

    `run_id`, `epoch` and `sequence` name the batch: `epoch` is the fencing token of the lease under which it was
    read, and grows with every holder of the connection; `sequence` counts the batches of one epoch of one run.
    `read_at` is when the provider answered, and becomes the time of the events. `entity_type` is the kind that
    all `records` are of.
    """

    run_id: str
    epoch: int
    sequence: int
    tenant: str
    connection_id: str
    stream: str
    entity_type: str
    read_at: str
    records: list[Record]
    rejected: list[Rejected]


def batch_id(batch: RecordBatch) -> str:
    """Return the id by which a batch's outcome is kept, and counted once."""
    return f"{batch['run_id']}:{batch['epoch']}:{batch['sequence']}"


def shard_of(external_id: str) -> int:
    """Return the shard of an external id, from 0 to SHARDS - 1."""
    return blake2b(external_id.encode(), digest_size=2).digest()[0] % SHARDS


def record_key(tenant: str, connection: str, stream: str, shard: int) -> bytes:
    """Return the message key of a batch."""
    return f"{tenant}/{connection}/{stream}/{shard}".encode()


def encode(batch: RecordBatch) -> bytes:
    """Return the batch as JSON text."""
    return orjson.dumps(batch)


def decode(value: bytes) -> RecordBatch:
    """Read a batch back. The runner built it from checked parts, so only its outline is checked here.
    Raises `MalformedMessage`."""
    try:
        batch = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(f"the batch is not JSON: {error}") from error
    if not isinstance(batch, dict) or not RecordBatch.__required_keys__ <= batch.keys():
        raise MalformedMessage("the message is no batch of records")
    return batch  # type: ignore[return-value]
