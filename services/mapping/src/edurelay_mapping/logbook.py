"""Which log of records the documents' positions belong to, and how far each of its partitions is worked off.

Offsets mean something only within one log. A topic that was deleted and created again, restored, or given other
partitions counts anew, and its records would look like old ones that were dealt with long ago. So the last finished
message of each partition is remembered, and looked for before any work is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from edurelay.events.topics import RECORDS, Topic
from edurelay.kafka.handler import Assignment, Received
from edurelay.mongo import Database, ReturnDocument
from edurelay.mongo.writes import insert_new
from edurelay_mapping import store
from edurelay_mapping.changes import Position

ACCEPT_COMMAND = "edurelay mapping accept-log"

_LOG = "log"


class LogRefused(Exception):
    """The topic is not the log that the documents' positions belong to; nothing is read from it before somebody
    says that this is right."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{RECORDS.name} is not the log that was worked off so far: {reason}. Where that is meant to be so, run "
            f"`{ACCEPT_COMMAND}`: what the topic holds now is then taken as newer than everything before."
        )
        self.reason = reason


class ReadsOne(Protocol):
    """Reads single messages of the log."""

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Received | None:
        """Return the message at an offset, or None where there is none any more, or not yet."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last finished message of a partition: where it stood, and a fingerprint of what it was."""

    position: Position
    fingerprint: bytes


def fingerprint(message: Received) -> bytes:
    """Return what a message is recognised by."""
    state = blake2b(message.key, digest_size=16)
    state.update(message.value or b"")
    return state.digest()


class Logbook:
    """Keeps the log's epoch, its number of partitions, and the mark of each partition.

    `declared` is how many partitions the topic is declared to have. Somebody may have given it more.
    """

    def __init__(self, database: Database, reader: ReadsOne, declared: int = RECORDS.partitions) -> None:
        self._collection = database[store.LOG]
        self._reader = reader
        self._declared = declared
        self._seen = declared

    async def check(self, assignment: Assignment, *, went_back: bool = False) -> int:
        """Return the log's epoch if the partition is a part of the log that was worked off so far.

        Raises `LogRefused`. `went_back` says that offsets came a second time in the life of one assignment: the
        marked message was there a moment ago then, so that it cannot have been deleted by age.
        """
        self._seen = max(self._seen, assignment.partition + 1)
        epoch = await self._epoch()
        mark = (await self.marks()).get(assignment.partition)
        if mark is None or mark.position.log != epoch:
            return epoch
        offset = mark.position.offset
        where = f"partition {assignment.partition} was worked off up to offset {offset}"
        if offset >= assignment.end and not went_back:
            raise LogRefused(f"{where}, and ends before {assignment.end}")
        message = await self._reader.read_one(RECORDS, assignment.partition, offset)
        if message is None and went_back:
            raise LogRefused(f"{where}, and there is nothing there now")
        if message is not None and fingerprint(message) != mark.fingerprint:
            raise LogRefused(f"{where}, and another message stands there now")
        return epoch

    async def marks(self) -> dict[int, Mark]:
        """Return the mark of each partition of which a message was finished."""
        found = await self._collection.find({"_id": {"$ne": _LOG}}).to_list(None)
        return {document["partition"]: Mark(Position.of(document), document["fingerprint"]) for document in found}

    async def mark(self, mark: Mark) -> None:
        """Remember the last finished message of a partition. Comes after everything that finishing takes."""
        await self._collection.update_one(
            {"_id": f"partition/{mark.position.partition}"},
            {"$set": {**mark.position.document(), "fingerprint": mark.fingerprint}},
            upsert=True,
        )

    async def accept(self) -> int:
        """Take what the topic holds now as newer than everything before; return the new epoch."""
        found = await self._collection.find_one_and_update(
            {"_id": _LOG},
            {"$inc": {"epoch": 1}, "$set": {"declared": self._declared, "partitions": self._seen}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(found["epoch"])

    async def _epoch(self) -> int:
        """Return the log's epoch. Raises `LogRefused` where the topic has another number of partitions now."""
        found = await self._collection.find_one({"_id": _LOG})
        if found is None:
            first = {"_id": _LOG, "epoch": 1, "declared": self._declared, "partitions": self._declared}
            await insert_new(self._collection, [first])
            found = await self._collection.find_one({"_id": _LOG})
        assert found is not None, "it was inserted, and nobody deletes it"
        if self._declared != found["declared"] or self._seen > found["partitions"]:
            raise LogRefused(f"it had {found['partitions']} partitions, and has {self._seen} now")
        return int(found["epoch"])
