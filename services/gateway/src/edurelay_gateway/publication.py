"""A compacted topic kept equal to the documents of a collection.

The message of a change lies in the changed document until Kafka has it, so a crash loses none. What the outbox cannot
see is what became of the message afterwards: a send that was given up may still be written late, behind a newer one,
where compaction would make it the last word; or a topic was lost. Therefore the topic is also read back, and what
differs from its document is sent again. A deleted document stays until the topic has shown its tombstone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from edurelay.events.envelope import Message, timestamp
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.mongo import ASCENDING, Collection, Document, Index, StoreUnavailable
from edurelay.mongo.outbox import Outbox, pending
from edurelay.runtime.logging import get_logger

#: How long a change waits for Kafka before it is left to the sweep, in seconds.
PATIENCE = 3.0

#: How long a deleted document is kept after its deletion: longer than a sender that was late could take.
KEEP_DELETED = timedelta(seconds=60)

#: To be declared by every collection that is published.
DELETED_INDEX = Index((("deleted_at", ASCENDING),))

_UNAVAILABLE: tuple[type[Exception], ...] = (KafkaUnavailable, *StoreUnavailable)
_TOO_SLOW: tuple[type[Exception], ...] = (*_UNAVAILABLE, TimeoutError)

_log = get_logger(__name__)


class Versions(Protocol):
    """What the topic says now."""

    def get(self, key: str) -> int | None:
        """Return the version last seen for a document's id, None where there was none or a tombstone."""


class Publication:
    """Sends the messages that documents carry, and mends what differs between the documents and the topic.

    `describe` returns the message of a document's present state: its state, or the tombstone of a deleted one.
    """

    def __init__(
        self,
        collection: Collection,
        outbox: Outbox,
        versions: Versions,
        describe: Callable[[Document], Message],
        *,
        patience: float = PATIENCE,
        keep_deleted: timedelta = KEEP_DELETED,
    ) -> None:
        self._collection = collection
        self._outbox = outbox
        self._versions = versions
        self._describe = describe
        self._patience = patience
        self._keep_deleted = keep_deleted

    async def flush(self, document_id: str) -> bool:
        """Send what a document carries; tell whether Kafka has it. False is no failure: the sweep goes on trying."""
        try:
            async with asyncio.timeout(self._patience):
                await self._outbox.flush(document_id)
        except _TOO_SLOW as error:
            _log.warning("a change waits for Kafka", document=document_id, reason=str(error) or "it took too long")
            return False
        return True

    async def sweep(self) -> int:
        """Finish what crashes and outages left, then forget the documents whose deletion is known to all."""
        finished = await self._outbox.sweep()
        await self._forget_deleted()
        return finished

    async def mend(self) -> list[str]:
        """Compare each document with the topic; send those again that differ, and return their ids."""
        fields = {"version": True, "deleted_at": True}
        different = []
        async for document in self._collection.find({"unsent": []}, fields):
            expected = None if document["deleted_at"] is not None else document["version"]
            if self._versions.get(document["_id"]) != expected and await self._send_again(document):
                different.append(document["_id"])
        return different

    async def run(self, *, sweep_seconds: float, mend_every: int = 10) -> None:
        """Sweep now and every `sweep_seconds`, and mend each `mend_every`th time, for ever."""
        rounds = 0
        while True:
            try:
                await self.sweep()
                if rounds % mend_every == 0:
                    mended = await self.mend()
                    if mended:
                        _log.warning("the topic differed from these documents; they were sent again", ids=mended)
                rounds += 1
            except _UNAVAILABLE as error:
                _log.warning("the sweep could not finish; it will be tried again", reason=str(error))
            await asyncio.sleep(sweep_seconds)

    async def _send_again(self, seen: Document) -> bool:
        """Let a document carry its present state and send it. A document that changed meanwhile is left alone: its
        change carries a message already."""
        as_seen = {**seen, "unsent": []}
        document = await self._collection.find_one(as_seen)
        if document is None:
            return False
        await self._collection.update_one(as_seen, carrying([self._describe(document)]))
        return await self.flush(document["_id"])

    async def _forget_deleted(self) -> None:
        before = timestamp(datetime.now(UTC) - self._keep_deleted)
        # A null is never less than a text, so that only deleted documents are found.
        forgettable: Document = {"deleted_at": {"$lt": before}, "unsent": []}
        async for document in self._collection.find(forgettable, {"_id": True}):
            if self._versions.get(document["_id"]) is None:
                await self._collection.delete_one({**forgettable, "_id": document["_id"]})


def carrying(messages: Sequence[Message]) -> Document:
    """Return the part of an update that makes a document carry further messages."""
    return {"$push": {"unsent": {"$each": pending(*messages)}}}
