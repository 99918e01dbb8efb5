"""The version that a document is about to lose, and the event that tells of it.

Within a partition nothing is overwritten before it was told of. But a record may also come over another partition
(two streams of one connection that share an outside id), or by a single write: the batch that made the present
version may then still be on its way, and once its version is gone nobody could tell of it. So whoever overwrites it
tells of it first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from edurelay.events.envelope import Message
from edurelay.mongo import Document
from edurelay.mongo.outbox import Outbox
from edurelay_mapping.changes import Position
from edurelay_mapping.documents import NO_ENTITY, event_of
from edurelay_mapping.logbook import Logbook


class Predecessors:
    """Finds versions whose event may not have been sent."""

    def __init__(
        self, logbook: Logbook, outbox: Outbox, send_all: Callable[[Sequence[Message]], Awaitable[None]]
    ) -> None:
        self._logbook = logbook
        self._outbox = outbox
        self._send_all = send_all

    async def untold(self, documents: Sequence[Document], by: Position | None) -> list[Message]:
        """Return the events of present versions that may not have been sent, before `by` (None: a single write)
        replaces them. Events in the documents' own outbox are not among them."""
        foreign = [document for document in documents if _is_foreign(document, by)]
        if not foreign:
            return []
        marks = await self._logbook.marks()
        messages = []
        for document in foreign:
            made = Position.of(document["position"])
            mark = marks.get(made.partition)
            if mark is None or not mark.position.reaches(made):
                messages.append(event_of(document, maybe_repeated=True))
        return messages

    async def tell(self, documents: Sequence[Document], by: Position) -> None:
        """Return once nothing is left to be told of the documents' present versions."""
        for document in documents:
            if document.get("unsent"):
                await self._outbox.flush(document["_id"])
        await self._send_all(await self.untold(documents, by))


def _is_foreign(document: Document, by: Position | None) -> bool:
    if document["version"] == NO_ENTITY or "position" not in document:
        return False
    return by is None or document["position"]["partition"] != by.partition
