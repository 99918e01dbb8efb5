"""One batch as it comes out of the log: checked, its usable records by their outside id, the others rejected. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edurelay.events import ids
from edurelay.messages.base import MalformedMessage
from edurelay.messages.records import RecordBatch, Rejected, batch_id, decode
from edurelay_mapping.changes import Outcome, Position
from edurelay_mapping.documents import milliseconds
from edurelay_mapping.identity import KINDS, Place

_TEXTS = ("run_id", "tenant", "connection_id", "stream", "entity_type", "read_at")
_NUMBERS = ("epoch", "sequence")
_LISTS = ("records", "rejected")

_MAX_EXTERNAL_ID = 256


@dataclass(slots=True)
class Arrival:
    """A batch, and what has become of its records so far.

    `usable` holds the attributes by outside id, the last of several under one id; those before it count as
    unchanged. `derived` holds the inside ids that follow. `rejected` begins with what the runner rejected.
    """

    batch: RecordBatch
    position: Position
    traceparent: str | None
    usable: dict[str, dict[str, Any]] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))

    @property
    def id(self) -> str:
        """The batch's own id."""
        return batch_id(self.batch)

    @property
    def source(self) -> int:
        """How many records the provider gave."""
        return len(self.batch["records"]) + len(self.batch["rejected"])

    @property
    def place(self) -> Place:
        """Where the records belong: tenant, connection, entity type."""
        return self.batch["tenant"], self.batch["connection_id"], self.batch["entity_type"]

    def count(self, outcome: Outcome) -> None:
        """Count one record."""
        self.counts[outcome] += 1

    def reject(self, record: object, reason: str, where: str | None = None) -> None:
        """Keep a record that cannot be mapped, as it came this far, and count it."""
        rejected: Rejected = {"reason": reason, "raw": record}
        if isinstance(record, dict) and isinstance(record.get("external_id"), str):
            rejected["external_id"] = record["external_id"]
        if where is not None:
            rejected["field"] = where
        self.rejected.append(rejected)
        self.counts[Outcome.REJECTED] += 1


def read(value: bytes | None, position: Position, traceparent: str | None) -> Arrival:
    """Read a message of the records topic. Raises `MalformedMessage`."""
    batch = decode(value or b"")
    _check_outline(batch)
    arrival = Arrival(batch, position, traceparent)
    arrival.rejected.extend(batch["rejected"])
    arrival.counts[Outcome.REJECTED] = len(batch["rejected"])
    known = batch["entity_type"] in KINDS
    for record in batch["records"]:
        if not known:
            arrival.reject(record, f"{batch['entity_type']} is no kind of entity", "entity_type")
        elif type(record) is not dict or type(record.get("attributes")) is not dict:
            arrival.reject(record, "a record has to be an external id and attributes", "attributes")
        elif type(key := record.get("external_id")) is not str or not 0 < len(key) <= _MAX_EXTERNAL_ID:
            arrival.reject(record, f"an external id is text of 1 to {_MAX_EXTERNAL_ID} characters", "external_id")
        else:
            if key in arrival.usable:
                arrival.count(Outcome.UNCHANGED)
            arrival.usable[key] = record["attributes"]
    arrival.derived = {key: ids.internal_id(*arrival.place, key) for key in arrival.usable}
    return arrival


def _check_outline(batch: RecordBatch) -> None:
    values: dict[str, Any] = dict(batch)
    for kind, names in ((str, _TEXTS), (int, _NUMBERS), (list, _LISTS)):
        for name in names:
            if type(values[name]) is not kind:
                raise MalformedMessage(f"{name} has to be {kind.__name__}")
    if any("/" in values[name] or not values[name] for name in ("tenant", "connection_id")):
        raise MalformedMessage("tenant and connection_id have to be plain ids")
    if not all(type(entry) is dict and type(entry.get("reason")) is str for entry in values["rejected"]):
        raise MalformedMessage("each rejected record has to have a reason")
    try:
        milliseconds(batch["read_at"])
    except ValueError as error:
        raise MalformedMessage(f"read_at: {error}") from error
