"""What one record means for the document that stands for it. Pure: decides, and leaves the doing to others.

A document remembers the position of the batch that made its present version, and, where another partition or a
single write has taken over since, the positions of those before (`earlier`, at most one for each partition). So a
batch that comes again is recognised, however far its work had got, and changes nothing a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Position:
    """Where a batch stands: the epoch of the log, the partition and the offset.

    Two positions compare only within one partition. A log that was accepted anew has a higher epoch, so that all
    its positions are later than those of the log before.
    """

    log: int
    partition: int
    offset: int

    def reaches(self, other: Position) -> bool:
        """True if this is `other`, or stands behind it in the same partition."""
        return self.partition == other.partition and (self.log, self.offset) >= (other.log, other.offset)

    def document(self) -> dict[str, int]:
        """Return the position as the document keeps it."""
        return {"log": self.log, "partition": self.partition, "offset": self.offset}

    @classmethod
    def of(cls, document: Mapping[str, int]) -> Position:
        """Read a position back."""
        return cls(document["log"], document["partition"], document["offset"])


class Verdict(Enum):
    """What has to be done about a record."""

    NEW = "nothing stands for it yet: insert"
    CHANGED = "it differs: the next version"
    UNCHANGED = "the same as what is known: nothing"
    STALE = "read under a lease that somebody else has taken over since: nothing"
    APPLIED = "this very batch made the present version: only tell of it again"
    SURPASSED = "this very batch made an earlier version, whose event is safe: nothing"
    TAKEN = "its inside id is reserved for another record: reject"


class Outcome(Enum):
    """What a record is counted as."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


def judge(stored: Mapping[str, Any] | None, position: Position | None, epoch: int, fingerprint: bytes) -> Verdict:
    """Decide about a record. `stored` is what stands under its key, `position` None for a single write, whose
    `epoch` is then of no interest."""
    if stored is None:
        return Verdict.NEW
    if "home" in stored:
        return Verdict.TAKEN
    if position is not None:
        present = stored.get("position")
        if present is not None and (at := Position.of(present)).reaches(position):
            return Verdict.APPLIED if at == position else Verdict.SURPASSED
        if _earlier_version(stored, position) is not None:
            return Verdict.SURPASSED
        if epoch < stored["epoch"]:
            return Verdict.STALE
    if stored["hash"] == fingerprint:
        return Verdict.UNCHANGED
    return Verdict.CHANGED


def outcome(verdict: Verdict, stored: Mapping[str, Any] | None, position: Position) -> Outcome:
    """Return what a record counts as: what its batch did, be it now or when it came the first time."""
    match verdict:
        case Verdict.NEW:
            return Outcome.CREATED
        case Verdict.TAKEN:
            return Outcome.REJECTED
        case Verdict.UNCHANGED | Verdict.STALE:
            return Outcome.UNCHANGED
    assert stored is not None, "only what is stored can have changed"
    if verdict is Verdict.CHANGED:
        return _of_version(stored["version"] + 1)
    if verdict is Verdict.APPLIED:
        return _of_version(stored["version"])
    return _of_version(_earlier_version(stored, position) or 0)


def earlier_after(stored: Mapping[str, Any], position: Position | None) -> list[dict[str, int]]:
    """Return the `earlier` of a document whose present version is about to be replaced from `position`."""
    kept = [
        entry for entry in stored.get("earlier", ()) if position is None or entry["partition"] != position.partition
    ]
    present = stored.get("position")
    if present is None or (position is not None and present["partition"] == position.partition):
        return kept
    others = [entry for entry in kept if entry["partition"] != present["partition"]]
    return [*others, {**present, "version": stored["version"]}]


def _earlier_version(stored: Mapping[str, Any], position: Position) -> int | None:
    """Return the version that a batch at or behind `position` made before another writer took over; 0 if it was one
    behind, None if there was none."""
    for entry in stored.get("earlier", ()):
        at = Position.of(entry)
        if at.reaches(position):
            return int(entry["version"]) if at == position else 0
    return None


def _of_version(version: int) -> Outcome:
    if version == 0:
        return Outcome.UNCHANGED
    return Outcome.CREATED if version == 1 else Outcome.UPDATED
