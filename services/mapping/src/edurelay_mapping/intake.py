"""What comes out of the topic of records: cut into units, mapped, marked as finished, one unit after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import DEAD_LETTERED, Assignment, Batch
from edurelay.messages.base import MalformedMessage
from edurelay.runtime.logging import get_logger
from edurelay_mapping.arrival import Arrival, read
from edurelay_mapping.changes import Position
from edurelay_mapping.errors import UNAVAILABLE
from edurelay_mapping.logbook import Logbook, LogRefused, Mark, fingerprint
from edurelay_mapping.mapper import Mapper, PartitionLost
from edurelay_mapping.unit import units

_log = get_logger(__name__)


class Possession:
    """A partition for as long as it is ours: the epoch of its log once that was recognised, else why it was refused,
    and the last offset that is finished."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.epoch: int | None = None
        self.refusal: LogRefused | None = None
        self.finished = -1


class Intake:
    """Handles the topic of records."""

    def __init__(self, mapper: Mapper, logbook: Logbook, dead_letters: DeadLetters) -> None:
        self._mapper = mapper
        self._logbook = logbook
        self._dead_letters = dead_letters
        self._ours: dict[int, Possession] = {}

    async def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Find out whether the partitions are those that were worked off so far.

        One that is not is kept all the same, and so the service stays up to say so, and to take the command to go on.
        """
        for assignment in assignments:
            possession = self._ours[assignment.partition] = Possession(assignment)
            try:
                await self._recognise(possession)
            except LogRefused as refusal:
                _log.error("the log is refused", reason=str(refusal))
            except UNAVAILABLE as error:
                _log.warning("the log cannot be looked at yet", reason=str(error))

    async def handle(self, batch: Batch) -> None:
        """Map a batch of messages. Raises `LogRefused`, `KafkaUnavailable` or one of `StoreUnavailable`."""
        possession = self._ours.get(batch.partition)
        if possession is None:
            return
        went_back = batch.messages[0].offset <= possession.finished
        if possession.epoch is None or went_back:
            possession.epoch = await self._recognise(possession, went_back=went_back)
        arrivals = await self._read(batch, possession.epoch)
        messages = {message.offset: message for message in batch.messages}
        for unit in units(arrivals):
            try:
                await self._mapper.apply(unit, lambda: self._ours.get(batch.partition) is possession)
            except PartitionLost:
                return
            last = unit[-1].position
            await self._logbook.mark(Mark(last, fingerprint(messages[last.offset])))
            possession.finished = last.offset
            for arrival in unit:
                batch.done(arrival.position.offset)

    async def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Let go of partitions; a unit that is under way tells of nothing any more."""
        for _, partition in partitions:
            self._ours.pop(partition, None)

    async def look_again(self) -> None:
        """Look again at partitions that are refused, now that this may have been put right."""
        for possession in list(self._ours.values()):
            if possession.refusal is not None:
                with contextlib.suppress(LogRefused):
                    await self._recognise(possession)

    async def check(self) -> None:
        """Raise `LogRefused` while a partition of ours is refused: for the service's readiness."""
        await self.look_again()
        for possession in self._ours.values():
            if possession.refusal is not None:
                raise possession.refusal

    async def _recognise(self, possession: Possession, *, went_back: bool = False) -> int:
        possession.epoch = None
        try:
            epoch = await self._logbook.check(possession.assignment, went_back=went_back)
        except LogRefused as refusal:
            possession.refusal = refusal
            raise
        possession.refusal = None
        possession.epoch = epoch
        return epoch

    async def _read(self, batch: Batch, epoch: int) -> list[Arrival]:
        """Return the batches that the messages hold; put aside what is none."""
        arrivals = []
        for message in batch.messages:
            position = Position(epoch, message.partition, message.offset)
            try:
                arrivals.append(read(message.value, position, message.header("traceparent")))
            except MalformedMessage as error:
                await self._dead_letters.send(message, reason="malformed", error=error, attempts=1)
                batch.done(message.offset, DEAD_LETTERED)
        return arrivals
