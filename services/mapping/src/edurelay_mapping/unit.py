"""A unit of work: the records of some consecutive batches of one partition, each outside id at most once. Pure.

A unit is looked up, written and told of as a whole, which is what makes it fast. No key stands in it twice, so that
each real change is a version and an event of its own, and so that everything which a later position of the partition
changed was told of before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edurelay.model import model_of
from edurelay.mongo import Document
from edurelay_mapping.arrival import Arrival
from edurelay_mapping.canonical import Unmappable, canonical, fingerprint
from edurelay_mapping.changes import Verdict, judge, outcome
from edurelay_mapping.documents import Version
from edurelay_mapping.identity import KINDS, Identity, document_key
from edurelay_mapping.references import resolver

#: How many records a unit holds at most, unless one batch alone has more.
RECORDS = 1000


@dataclass(slots=True)
class Item:
    """One record of a unit: what it says, what stood for it, what that means, and the `document` to tell of."""

    arrival: Arrival
    identity: Identity
    home: str
    inside_id: str
    version: Version
    stored: Document | None = None
    verdict: Verdict = Verdict.UNCHANGED
    document: Document | None = None

    def judge(self, stored: Document | None) -> None:
        """Decide anew, before what is stored now."""
        self.stored = stored
        version = self.version
        self.verdict = judge(stored, version.position, version.epoch, version.fingerprint)
        self.document = stored if self.verdict is Verdict.APPLIED else None

    def settle(self) -> None:
        """Count the record, once what had to be done about it is done."""
        if self.verdict is Verdict.TAKEN:
            self.arrival.reject(
                {"external_id": self.identity.external_id, "attributes": self.version.attributes},
                f"its inside id {self.identity.derived_id} is assigned to another record of the connection",
                "external_id",
            )
        else:
            self.arrival.count(outcome(self.verdict, self.stored, self.arrival.position))


def units(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Cut consecutive batches into units."""
    unit: list[Arrival] = []
    seen: dict[tuple[str, str, str], set[str]] = {}
    count = 0
    for arrival in arrivals:
        repeats = not seen.get(arrival.place, set()).isdisjoint(arrival.usable)
        if unit and (repeats or count + len(arrival.usable) > RECORDS):
            yield unit
            unit, seen, count = [], {}, 0
        unit.append(arrival)
        seen.setdefault(arrival.place, set()).update(arrival.usable)
        count += len(arrival.usable)
    if unit:
        yield unit


def prepare(arrival: Arrival, assigned: Mapping[str, str]) -> list[Item]:
    """Return the records of a batch in canonical form, references resolved. What cannot be mapped is rejected.

    `assigned` holds the inside ids that somebody chose, by the key of the document that stands for the record.
    """
    tenant, connection, kind = arrival.place
    batch, references = arrival.batch, model_of(KINDS[kind]).references if arrival.usable else {}
    resolve = resolver(tenant, connection, assigned)
    items = []
    for external_id, attributes in arrival.usable.items():
        try:
            form = canonical(attributes, references, resolve)
            version = Version(
                form, fingerprint(kind, form), batch["read_at"], arrival.position, batch["epoch"], batch["run_id"]
            )
        except Unmappable as error:
            arrival.reject({"external_id": external_id, "attributes": attributes}, error.reason, error.field)
            continue
        inside_id = arrival.derived[external_id]
        home = document_key(tenant, connection, kind, inside_id)
        identity = Identity(tenant, connection, kind, external_id)
        items.append(Item(arrival, identity, home, assigned.get(home, inside_id), version))
    return items


def homes(arrivals: Sequence[Arrival]) -> list[str]:
    """Return the keys of the documents that stand for the batches' records."""
    return [document_key(*arrival.place, inside_id) for arrival in arrivals for inside_id in arrival.derived.values()]
