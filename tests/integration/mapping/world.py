"""A log of records, the mapping service's parts on top of a real database, and what they told the world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from edurelay.events.envelope import Event, Message
from edurelay.events.topics import RECORDS, Topic
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Assignment, Batch, Received
from edurelay.messages.records import RecordBatch
from edurelay.mongo import Database, Document
from edurelay.mongo.outbox import Outbox
from edurelay_mapping import store
from edurelay_mapping.assignments import Assignments
from edurelay_mapping.connections import Connections
from edurelay_mapping.identity import Identity
from edurelay_mapping.intake import Intake
from edurelay_mapping.ledger import Ledger
from edurelay_mapping.logbook import Logbook
from edurelay_mapping.mapper import Mapper
from edurelay_mapping.predecessors import Predecessors
from edurelay_mapping.repository import Repository
from edurelay_mapping.single_writes import SingleWrites

TENANT, CONNECTION = "acme", "moodle"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

SendAll = Callable[[Sequence[Message]], Awaitable[None]]


def student(external_id: str, **attributes: Any) -> dict[str, Any]:
    """A record of a student."""
    return {"external_id": external_id, "attributes": {"name": f"Student {external_id}", **attributes}}


@dataclass
class Log:
    """The messages of the records topic, as a broker would hold them."""

    partitions: dict[int, list[Received]] = field(default_factory=dict)
    batches: int = 0

    def append(self, *records: Any, partition: int = 0, **fields: Any) -> Received:
        """Add a batch to a partition."""
        self.batches += 1
        batch: dict[str, Any] = {
            "run_id": "run-1",
            "epoch": 1,
            "sequence": self.batches,
            "tenant": TENANT,
            "connection_id": CONNECTION,
            "stream": "students",
            "entity_type": "student",
            "read_at": f"2026-01-15T10:30:00.{self.batches:03}Z",
            "records": list(records),
            "rejected": [],
            **fields,
        }
        return self.append_raw(orjson.dumps(batch), partition=partition)

    def append_raw(self, value: bytes, *, partition: int = 0) -> Received:
        """Add any message to a partition."""
        messages = self.partitions.setdefault(partition, [])
        headers = [("traceparent", TRACE.encode())]
        messages.append(Received(RECORDS.name, partition, len(messages), 0, b"key", value, headers))
        return messages[-1]

    def assignment(self, partition: int = 0, position: int = 0) -> Assignment:
        """What a consumer is told of a partition."""
        return Assignment(RECORDS.name, partition, position, len(self.partitions.get(partition, [])))

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Received | None:
        """What a reader of the log finds at an offset."""
        messages = self.partitions.get(partition, [])
        return messages[offset] if offset < len(messages) else None


class World:
    """One process of the service. Several may share a database and a log."""

    def __init__(self, database: Database, log: Log | None = None, *, send_all: SendAll | None = None) -> None:
        self.database = database
        self.log = log or Log()
        self.told: list[Message] = []
        self.dead: list[Message] = []
        send = send_all or self._tell
        self.assignments, self.connections = Assignments(database), Connections(database)
        self.logbook = Logbook(database, self.log)
        outbox = Outbox(database[store.ENTITIES], send)
        predecessors = Predecessors(self.logbook, outbox, send)
        self.mapper = Mapper(
            database,
            send,
            assignments=self.assignments,
            connections=self.connections,
            ledger=Ledger(database),
            predecessors=predecessors,
        )
        self.writes = SingleWrites(
            database,
            outbox,
            assignments=self.assignments,
            connections=self.connections,
            predecessors=predecessors,
        )
        self.intake = Intake(self.mapper, self.logbook, DeadLetters(self))
        self.done: dict[int, set[int]] = {}

    async def _tell(self, messages: Sequence[Message]) -> None:
        self.told.extend(messages)

    async def send(self, message: Message) -> None:
        """Take a dead letter."""
        self.dead.append(message)

    async def take(self, partition: int = 0) -> None:
        """Take a partition over, from the first offset that is not done."""
        await self.intake.assigned([self.log.assignment(partition, self._position(partition))])

    async def work(self, partition: int = 0, *, messages: Sequence[Received] | None = None) -> None:
        """Hand over what is not done of a partition, or the given messages, as one batch."""
        batch = self.log.partitions[partition][self._position(partition) :] if messages is None else messages
        done = self.done.setdefault(partition, set())
        await self.intake.handle(Batch(RECORDS.name, partition, list(batch), lambda offsets, _: done.update(offsets)))

    async def run(self, *records: Any, partition: int = 0, **fields: Any) -> Counts:
        """Add a batch and work it off; return what it was counted as."""
        message = self.log.append(*records, partition=partition, **fields)
        if message.offset == 0 or partition not in self.done:
            await self.take(partition)
        await self.work(partition)
        return await self.outcome(message)

    async def outcome(self, message: Received) -> Counts:
        """What a batch was counted as: source, created, updated, unchanged, rejected."""
        batch: RecordBatch = orjson.loads(message.value or b"")
        key = f"{batch['run_id']}:{batch['epoch']}:{batch['sequence']}"
        found = await self.database[store.OUTCOMES].find_one({"_id": key})
        assert found is not None, f"{key} has no outcome"
        return (found["source"], found["created"], found["updated"], found["unchanged"], found["rejected"])

    async def document(self, external_id: str, kind: str = "student") -> Document:
        """The document that stands for a record."""
        identity = Identity(TENANT, CONNECTION, kind, external_id)
        found = await self.database[store.ENTITIES].find_one({"_id": identity.home})
        assert found is not None, f"nothing stands for {external_id}"
        return found

    def repository(self, tenant: str = TENANT) -> Repository:
        """What a tenant may read."""
        return Repository(self.database, self.connections, tenant)

    @property
    def events(self) -> list[Event]:
        """Every event that was told, in order, repetitions included."""
        return [Event.from_message(message.headers, message.value) for message in self.told]

    def heard(self) -> list[tuple[str, str, int]]:
        """The distinct events in the order of their first arrival: type, external id, version."""
        distinct = {event.id: orjson.loads(event.data) for event in reversed(self.events)}
        types = {event.id: event.type for event in self.events}
        ordered = dict.fromkeys(event.id for event in self.events)
        return [(types[key], distinct[key]["external_id"], distinct[key]["version"]) for key in ordered]

    def _position(self, partition: int) -> int:
        done = self.done.get(partition, set())
        return next(offset for offset in range(len(done) + 1) if offset not in done)


Counts = tuple[int, int, int, int, int]
