"""The outbox: a message that has to follow a change travels in the changed document until Kafka has it.

The change and its message are one write, so neither is ever without the other. `flush` sends what a document holds
and then takes it out; a crash in between leaves it there, and a later flush or `sweep` sends it again, the same
bytes. While one flush sends, it holds a claim on the document (its field `sending`), so that a document's messages
leave in their order, whoever sends them. The claim ends by itself, should its holder die.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final, TypeAlias
from uuid import uuid4

from pymongo import ASCENDING

from edurelay.events.envelope import Message
from edurelay.mongo import moments
from edurelay.mongo.collections import Collection, Document, Index
from edurelay.runtime.logging import get_logger

log = get_logger(__name__)

#: To be declared by every collection with an outbox: only documents with unsent messages are in it.
UNSENT_INDEX: Final = Index((("unsent.at", ASCENDING),), sparse=True)

SendAll: TypeAlias = Callable[[Sequence[Message]], Awaitable[None]]

_FIRST_WAIT_SECONDS: Final = 0.01
_LONGEST_WAIT_SECONDS: Final = 0.5


def pending(*messages: Message) -> list[Document]:
    """Return what a document has to hold in its field `unsent` (or get pushed onto it) for `messages` to be sent."""
    now = datetime.now(UTC)
    return [
        {
            "id": uuid4().hex,
            "at": now,
            "topic": message.topic,
            "key": message.key,
            "value": message.value,
            "headers": [[name, text] for name, text in message.headers],
        }
        for message in messages
    ]


class Outbox:
    """Sends the unsent messages of one collection's documents.

    `send_all` returns once all messages are durable, or raises; it has to end well within `claim_seconds`. `sweep`
    leaves documents alone that are younger than `grace_seconds`: whoever wrote them is about to flush them. Errors that
    are `hopeless` say that a message of those that were given will never be taken, and that none was sent: it is left
    out, and logged, so that it keeps back no other.
    """

    def __init__(
        self,
        collection: Collection,
        send_all: SendAll,
        *,
        hopeless: type[Exception] | tuple[type[Exception], ...] = (),
        claim_seconds: float = 15.0,
        grace_seconds: float = 5.0,
        batch: int = 200,
    ) -> None:
        self._collection = collection
        self._send_all = send_all
        self._hopeless = hopeless
        self._claim_seconds = claim_seconds
        self._grace = timedelta(seconds=grace_seconds)
        self._batch = batch

    async def flush(self, document_id: Any) -> None:
        """Return once the document's messages of this moment are sent, by this call or by another.

        Raises what `send_all` raises, or one of `StoreUnavailable`; what may be unsent stays in the document then.
        """
        wait = _FIRST_WAIT_SECONDS
        while await self._send(document_id) is _Answer.CLAIMED_BY_ANOTHER:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def sweep(self) -> int:
        """Send what a crash has left, the oldest first, for a bounded number of documents; return how many it was.

        Raises what `send_all` raises. The document at which it failed stays claimed for a while, so that the next
        sweep gets to the documents behind it.
        """
        overdue = self._collection.find({"unsent.at": {"$lte": datetime.now(UTC) - self._grace}}, {"_id": 1})
        sent = 0
        for document in await overdue.sort("unsent.at", ASCENDING).limit(self._batch).to_list(self._batch):
            sent += await self._send(document["_id"], keep_claim=True) is _Answer.SENT
        return sent

    async def _send(self, document_id: Any, *, keep_claim: bool = False) -> _Answer:
        claim = uuid4().hex
        claimed = {"_id": document_id, "sending.claim": claim}
        mine = {"claim": claim, "until": moments.later(self._claim_seconds)}
        result = await self._collection.update_one(
            {"_id": document_id, "unsent.id": {"$exists": True}},
            [{"$set": {"sending": {"$cond": [moments.has_passed("sending.until"), mine, "$sending"]}}}],
        )
        if result.matched_count == 0:
            return _Answer.NOTHING_UNSENT
        document = await self._collection.find_one(claimed, {"unsent": 1}) if result.modified_count else None
        if document is None:
            return _Answer.CLAIMED_BY_ANOTHER
        unsent = document["unsent"]
        try:
            await self._send_out(document_id, [_message(entry) for entry in unsent])
        except BaseException:
            if not keep_claim:
                await self._collection.update_one(claimed, _UNCLAIM)
            raise
        taken_out = {"$pull": {"unsent": {"id": {"$in": [entry["id"] for entry in unsent]}}}}
        result = await self._collection.update_one(claimed, {**taken_out, **_UNCLAIM})
        if result.matched_count == 0:  # The claim ran out, and may be somebody else's by now.
            await self._collection.update_one({"_id": document_id}, taken_out)
        return _Answer.SENT

    async def _send_out(self, document_id: Any, messages: Sequence[Message]) -> None:
        try:
            await self._send_all(messages)
        except self._hopeless as error:
            if len(messages) > 1:
                for message in messages:
                    await self._send_out(document_id, [message])
            else:
                log.error("a message will never be taken", document_id=document_id, reason=str(error))


class _Answer(Enum):
    SENT = auto()
    NOTHING_UNSENT = auto()
    CLAIMED_BY_ANOTHER = auto()


_UNCLAIM: Final = {"$unset": {"sending": ""}}


def _message(entry: Document) -> Message:
    headers = tuple((name, text) for name, text in entry["headers"])
    return Message(entry["topic"], entry["key"], entry["value"], headers)
