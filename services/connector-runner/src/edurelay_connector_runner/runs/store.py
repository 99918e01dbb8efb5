"""Runs in the runner's own database: inserted by the intake, claimed by workers, written only by their holder.

Every write of a holder is fenced: it names the epoch of the holder's lease, which the document has to carry still.
A state and the message that tells of it are one write; the message leaves through the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from edurelay.events.envelope import Message, now
from edurelay.events.topics import RUNS as RUNS_TOPIC
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.messages.commands import Command, CommandKind
from edurelay.messages.runs import RunStatus
from edurelay.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    CollectionSpec,
    Document,
    Index,
    ReturnDocument,
    StoreUnavailable,
)
from edurelay.mongo.outbox import UNSENT_INDEX, Outbox, pending
from edurelay.mongo.writes import insert_new
from edurelay.runtime.logging import get_logger
from edurelay_connector_runner.runs.interruption import Fenced
from edurelay_connector_runner.runs.state import RunState
from edurelay_connector_runner.sdk import Cursor

log = get_logger(__name__)

_UNAVAILABLE: tuple[type[Exception], ...] = (TimeoutError, KafkaUnavailable, *StoreUnavailable)

#: Seconds for which the work on a run waits for its message to leave.
FLUSH_SECONDS = 2.0

#: For longer than a command can be redelivered from its topic, so that no run is started twice.
KEPT = timedelta(days=30)

RUNS = CollectionSpec(
    "runs",
    (
        Index((("due_at", ASCENDING),), partial={"active": True}),
        Index((("connection_id", ASCENDING), ("queued_at", ASCENDING))),
        Index((("expires_at", ASCENDING),), expire_after_seconds=0),
        UNSENT_INDEX,
    ),
)
LEASES = CollectionSpec("leases")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that is due and has no older one of its connection before it. A `quick` one is a test, for whose answer
    somebody waits."""

    run_id: str
    connection_id: str
    connection_version: int
    queued_at: datetime
    quick: bool

    @classmethod
    def of(cls, document: Document) -> Candidate:
        """Read it from what is asked of a run's document."""
        return cls(
            document["_id"],
            document["connection_id"],
            document["connection_version"],
            document["queued_at"],
            document["command"]["kind"] == CommandKind.TEST,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A run as it was when its holder took it; `cancelled` where somebody has asked to end it."""

    state: RunState
    cancelled: bool


class RunStore:
    """The run documents."""

    def __init__(self, runs: Collection, leases: Collection, outbox: Outbox) -> None:
        self._runs = runs
        self._leases = leases
        self._outbox = outbox

    async def add(self, command: Command, traceparent: str | None) -> bool:
        """Make the run that a command asks for durable. Returns False where it is there already."""
        state = RunState(command, revision=1, traceparent=traceparent)
        moment = datetime.now(UTC)
        document = {
            "_id": state.id,
            "active": True,
            "tenant": command.tenant,
            "connection_id": command.connection_id,
            "connection_version": command.connection_version,
            "queued_at": moment,
            "due_at": moment,
            "cancel": False,
            "unsent": pending(_message(state)),
            **state.to_document(),
        }
        if await insert_new(self._runs, [document]):
            return False
        await self._flush(state.id)
        return True

    async def request_cancel(self, run_id: str) -> None:
        """End a run that nobody has begun; ask the holder of another to end it, and let it be claimed at once where
        nobody holds it. A run that has ended, or is not known, is left alone."""
        document = await self._runs.find_one({"_id": run_id, "active": True})
        if document is None:
            return
        state = RunState.from_document(document)
        if state.status is RunStatus.QUEUED:
            state.status, state.finished_at = RunStatus.CANCELLED, now()
            try:
                await self.save(state, announce=True)
            except Fenced:
                log.info("a run was begun while it was being cancelled", run_id=run_id)
            else:
                return
        await self._runs.update_one(
            {"_id": run_id, "active": True}, {"$set": {"cancel": True, "due_at": datetime.now(UTC)}}
        )

    async def candidates(self, limit: int = 500) -> list[Candidate]:
        """Return what may be claimed, the longest due first; whether its connection is held is not known here."""
        due = await self._find({"active": True, "due_at": {"$lte": datetime.now(UTC)}}, [("due_at", ASCENDING)], limit)
        if not due:
            return []
        connections = list({document["connection_id"] for document in due})
        queued = await self._find(
            {"active": True, "connection_id": {"$in": connections}},
            [("queued_at", ASCENDING), ("_id", ASCENDING)],
            limit * 4,
        )
        first: dict[str, str] = {}
        for document in queued:
            first.setdefault(document["connection_id"], document["_id"])
        return [Candidate.of(document) for document in due if first.get(document["connection_id"]) == document["_id"]]

    async def take(self, run_id: str, epoch: int) -> Taken | None:
        """Bind a run to the lease of `epoch`; from now on nobody with an older one can write it. Returns None where
        it has ended."""
        document = await self._update(
            {"_id": run_id, "active": True, "epoch": {"$lt": epoch}}, {"$set": {"epoch": epoch}}
        )
        return None if document is None else Taken(RunState.from_document(document), document["cancel"])

    async def save(self, state: RunState, *, announce: bool, due_in: float | None = None) -> bool:
        """Write a held run, with a message for everybody where `announce` says so, and with the time at which it is
        due again where it is set aside; one that somebody has asked to cancel stays due. Returns whether somebody has.
        Raises `Fenced`.

        Each write has a revision of its own: one whose answer got lost can come late, but not behind its successor.
        """
        update: dict[str, Any] = {}
        state.revision += 1
        if announce:
            update["$push"] = {"unsent": {"$each": pending(_message(state))}}
        fields = state.to_document()
        if state.status.terminal:
            fields["active"] = False
            fields["expires_at"] = datetime.now(UTC) + KEPT
        held = {"_id": state.id, "epoch": state.epoch, "revision": {"$lt": state.revision}}
        document = None
        if due_in is not None:
            due = {"due_at": datetime.now(UTC) + timedelta(seconds=due_in)}
            document = await self._update({**held, "cancel": False}, {"$set": {**fields, **due}, **update})
        if document is None:
            document = await self._update(held, {"$set": fields, **update})
        if document is None:
            raise Fenced(f"run {state.id} is held under a newer lease than {state.epoch}")
        if announce:
            await self._flush(state.id)
        return bool(document["cancel"])

    async def last_cursor(self, connection_id: str, stream: str) -> Cursor | None:
        """Return where the last successful reading of a stream ended."""
        document = await self._runs.find_one(
            {
                "connection_id": connection_id,
                "active": False,
                "command.dry_run": False,
                "streams": {"$elemMatch": {"name": stream, "status": RunStatus.SUCCEEDED.value}},
            },
            sort=[("queued_at", DESCENDING)],
        )
        if document is None:
            return None
        streams = RunState.from_document(document).streams or ()
        return next((state.cursor for state in streams if state.name == stream), None)

    async def epoch_of(self, connection_id: str) -> int:
        """Return the epoch under which a connection was last held, 0 where it never was."""
        lease = await self._leases.find_one({"_id": connection_id}, {"epoch": True})
        return 0 if lease is None else int(lease["epoch"])

    async def _update(self, where: Document, update: Document) -> Document | None:
        return await self._runs.find_one_and_update(where, update, return_document=ReturnDocument.AFTER)

    async def _find(self, where: Document, order: list[tuple[str, int]], limit: int) -> Iterable[Document]:
        fields = {"connection_id": True, "connection_version": True, "queued_at": True, "command.kind": True}
        found: list[Document] = await self._runs.find(where, fields).sort(order).limit(limit).to_list(limit)
        return found

    async def _flush(self, run_id: str) -> None:
        """Send what the document holds. The work does not wait for a Kafka that is away, nor for the claim that a
        killed runner has left on the document: the sweep will send it."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._outbox.flush(run_id)
        except _UNAVAILABLE as error:
            log.warning("a run's message waits for the sweep", run_id=run_id, reason=repr(error))


def _message(state: RunState) -> Message:
    return Message(RUNS_TOPIC.name, state.id.encode(), state.message().encode())
