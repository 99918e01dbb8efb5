"""What was seen of one trial from outside, once everything had come to rest."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.receivers import Request
from edurelay_client.models import Ledger, Mapping, Run
from faults.log import Entry
from faults.publisher import Publisher
from faults.school import School


@dataclass(frozen=True)
class Evidence:
    """The runs, what the topic of events holds and which of it the second run put there, and what the receiver got.

    `ledgers` were looked at all the time, the last one at the end. `under_way` is how many deliveries were under way
    whenever the dispatcher was killed: so many may have come twice.
    """

    school: School
    publisher: Publisher
    first: Run
    second: Run
    events: list[Entry]
    events_of_second: list[Entry]
    mappings: list[Mapping]
    ledgers: list[Ledger]
    requests: list[Request]
    under_way: int

    @property
    def told(self) -> list[Entry]:
        """The messages that tell of records, copies included."""
        return [each for each in self.events if each.of_a_record]

    @property
    def published(self) -> set[str]:
        """The ids in the topic of what was published."""
        return {each.id for each in self.events if not each.of_a_record}

    @property
    def received(self) -> list[str]:
        """The ids of what the receiver got, repetitions included."""
        return [each.headers["webhook-id"] for each in self.requests]

    @property
    def copies(self) -> int:
        """How many messages of the topic are repetitions."""
        return len(self.events) - len({each.id for each in self.events})

    @property
    def repeated(self) -> int:
        """How many deliveries came once more than they had to."""
        return len(self.received) - len(set(self.received))

    def summary(self) -> str:
        """Return the figures in one line."""
        answers = {status or "none": count for status, count in sorted(self.publisher.answers.items())}
        return (
            f"{self.first.counts.source} records read of {self.school.size}, {len(self.events)} messages of "
            f"{len(self.events) - self.copies} events, {len(self.received)} deliveries, {self.repeated} repeated "
            f"(at most {self.under_way}), answers to publishing {answers}"
        )
